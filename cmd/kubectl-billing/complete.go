package main

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
)

// completer is the name under which kubectl calls a plugin for what Tab is to offer.
const completer = "kubectl_complete-billing"

// arguments are those of the command line, or of a request for completion where the
// program was called by that name.
func arguments(argv []string) []string {
	if filepath.Base(argv[0]) == completer {
		return append([]string{cobra.ShellCompRequestCmd}, argv[1:]...)
	}
	return argv[1:]
}

// completionPatience is how long a person who pressed Tab may wait for the cluster.
const completionPatience = 3 * time.Second

type completion = func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

func completeOne(called *invocation) completion {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return sessionsToName(called, nil)
	}
}

func completeMany(called *invocation) completion {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return sessionsToName(called, args)
	}
}

// sessionsToName are the names of the sessions in the namespace that were not named yet.
func sessionsToName(called *invocation, named []string) ([]string, cobra.ShellCompDirective) {
	return fromCluster(called, func(ctx context.Context, c *cluster) ([]string, error) {
		sessions, err := c.list(ctx, scope{})
		var names []string
		for i := range sessions.Items {
			if name := sessions.Items[i].Name; !slices.Contains(named, name) {
				names = append(names, name)
			}
		}
		return names, err
	})
}

// fromCluster completes with what is in the cluster, and with nothing when that
// cannot be reached: nobody wants an error for pressing Tab.
func fromCluster(called *invocation, find func(context.Context, *cluster) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.Background(), completionPatience)
	defer cancel()
	c, err := connect(called.kubeconfig, io.Discard)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found, _ := find(ctx, c)
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeFlags completes the values of flags that name something.
func completeFlags(root *cobra.Command, called *invocation) {
	complete := func(c *cobra.Command, flag string, with completion) {
		if err := c.RegisterFlagCompletionFunc(flag, with); err != nil {
			panic(err) // a flag of that name does not exist
		}
	}
	complete(root, "namespace", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return fromCluster(called, func(ctx context.Context, c *cluster) ([]string, error) {
			var namespaces corev1.NamespaceList
			err := c.client.List(ctx, &namespaces)
			var names []string
			for i := range namespaces.Items {
				names = append(names, namespaces.Items[i].Name)
			}
			return names, err
		})
	})
	complete(root, "context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		config, err := called.kubeconfig.ToRawKubeConfigLoader().RawConfig()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for name := range config.Contexts {
			names = append(names, name)
		}
		slices.Sort(names)
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	list, _, _ := root.Find([]string{"list"})
	complete(list, "output", cobra.FixedCompletions([]string{"wide", "json", "yaml", "name"}, cobra.ShellCompDirectiveNoFileComp))
	complete(list, "sort-by", cobra.FixedCompletions([]string{byName, byExpiry}, cobra.ShellCompDirectiveNoFileComp))
}
