package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
)

// longestTimeout keeps a request within what a pod is usually given to stop.
const longestTimeout = 30 * time.Second

// check finds what parsing alone does not.
func (o options) check() error {
	return errors.Join(
		o.checkServed(),
		must(o.endpointTimeout > 0 && o.endpointTimeout <= longestTimeout,
			"--endpoint-timeout: must be more than 0 and at most 30s, such as 10s"),
		must(o.endpointQPS >= 0, "--endpoint-qps: must not be negative; 0 means no limit"),
		must(o.endpointBurst > 0, "--endpoint-burst: must be at least 1"),
		must(o.concurrency > 0, "--concurrency: must be at least 1"),
		o.checkLease(),
		o.checkAddresses(),
		oneOf("--log-level", o.logLevel, "error", "info", "debug"),
		oneOf("--log-format", o.logFormat, "json", "text"),
	)
}

// checkServed holds that what is to be served can exist: an empty namespace would mean
// all of them.
func (o options) checkServed() error {
	var errs []error
	for _, name := range o.watchNamespaces {
		errs = append(errs, named("--watch-namespaces", name, validation.IsDNS1123Label))
	}
	if _, err := labels.Parse(o.watchLabelSelector); err != nil {
		errs = append(errs, fmt.Errorf("--watch-label-selector: %w; write it as for kubectl's -l, such as 'team=finance,env in (test, prod)'", err))
	}
	return errors.Join(errs...)
}

func (o options) checkLease() error {
	if !o.leaderElect {
		return nil
	}
	err := named("--leader-election-id", o.leaderElectionID, validation.IsDNS1123Subdomain)
	if o.leaderElectionNamespace != "" {
		err = errors.Join(err, named("--leader-election-namespace", o.leaderElectionNamespace, validation.IsDNS1123Label))
	}
	return err
}

// noAddress is where nothing is served.
const noAddress = "0"

func (o options) checkAddresses() error {
	anyPort := strings.HasSuffix(o.metricsBindAddress, ":0")
	same := o.metricsBindAddress == o.healthProbeBindAddress && o.metricsBindAddress != noAddress && !anyPort
	return errors.Join(
		address("--metrics-bind-address", o.metricsBindAddress),
		address("--health-probe-bind-address", o.healthProbeBindAddress),
		must(!same, "--health-probe-bind-address: must not be the same as --metrics-bind-address"),
	)
}

func address(flag, value string) error {
	if value == noAddress {
		return nil
	}
	if _, port, err := net.SplitHostPort(value); err == nil {
		if _, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", port); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s: %q is no address; write :8080 or 127.0.0.1:8080, or 0 for none", flag, value)
}

// named holds that a name is one that Kubernetes takes.
func named(flag, name string, problems func(string) []string) error {
	if len(problems(name)) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %q is no name that Kubernetes takes; it has lower case letters, digits and '-', and no spaces", flag, name)
}

func must(holds bool, message string) error {
	if holds {
		return nil
	}
	return errors.New(message)
}

func oneOf(flag, value string, words ...string) error {
	for _, word := range words {
		if value == word {
			return nil
		}
	}
	return fmt.Errorf("%s: %q is none of %q", flag, value, words)
}
