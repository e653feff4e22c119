package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
)

// completerMark is what the names of completers have in common. For completion kubectl
// starts a program with the name kubectl_complete-billing.
const completerMark = "complete"

// arguments returns the command line, turned into a completion request if the program
// was started as the completer.
func arguments(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	if isCompleter(argv[0]) {
		return append([]string{cobra.ShellCompRequestCmd}, argv[1:]...)
	}
	return argv[1:]
}

// isCompleter reports whether the program was started by the name of a completer. It
// accepts every spelling, with a suffix such as .exe and in any case: a completer that is
// taken for the plugin would execute the line that the user is still typing.
func isCompleter(argv0 string) bool {
	base := argv0[strings.LastIndexAny(argv0, `/\`)+1:]
	return strings.Contains(strings.ToLower(base), completerMark)
}

type completion = func(c *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective)

func completeOne(parsed *invocation) completion {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completeSessions(parsed, nil)
	}
}

func completeMany(parsed *invocation) completion {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return completeSessions(parsed, args)
	}
}

// completeSessions returns the names of the namespace's sessions without those that
// are already on the command line.
func completeSessions(parsed *invocation, named []string) ([]string, cobra.ShellCompDirective) {
	return completeFromCluster(parsed, func(ctx context.Context, c *cluster) ([]string, error) {
		sessions, err := c.list(ctx, selection{})
		var names []string
		for i := range sessions.Items {
			if name := sessions.Items[i].Name; !slices.Contains(named, name) {
				names = append(names, name)
			}
		}
		return names, err
	})
}

// completeFromCluster completes with what find returns. It returns nothing if the
// cluster cannot be reached: an error would garble the line that the user types.
func completeFromCluster(parsed *invocation, find func(context.Context, *cluster) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	c, err := connect(parsed.kubeconfig, io.Discard, &serverClock{own: clock.RealClock{}})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	found, _ := find(ctx, c)
	return found, cobra.ShellCompDirectiveNoFileComp
}

// registerCompletions completes the values of flags.
func registerCompletions(root *cobra.Command, parsed *invocation) {
	complete := func(c *cobra.Command, flag string, with completion) {
		if err := c.RegisterFlagCompletionFunc(flag, with); err != nil {
			panic(err) // the command has no such flag: a defect that every start would show
		}
	}
	complete(root, "namespace", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return completeFromCluster(parsed, func(ctx context.Context, c *cluster) ([]string, error) {
			namespaces, err := c.client.Resource(namespaceResource).List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, err
			}
			var names []string
			for _, namespace := range namespaces.Items {
				names = append(names, namespace.GetName())
			}
			return names, nil
		})
	})
	complete(root, "context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		config, err := parsed.kubeconfig.ToRawKubeConfigLoader().RawConfig()
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
