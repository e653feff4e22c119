// Package e2e proves the whole chain in a real cluster, from applied YAML to the file
// inside a running pod. Any cluster will do: KUBECONFIG says where it is, and
//
//	E2E_LOAD_IMAGE          is a command that brings an image archive, its last argument,
//	                        to the cluster's nodes
//	E2E_RESTART_API_SERVER  is one that kills the cluster's API server and has it start
//	                        again; where there is none, that is not tried
//
// Commands run in the project's root. "make e2e" runs it; plain "go test" does not.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"testing"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

var (
	renewals  = flag.Int("e2e.renewals", 0, "how many renewals each mounted file is watched for; 0 runs nothing")
	consumers = flag.Int("e2e.consumers", 12, "how many pods mount a Secret of their own")
)

// root is the project's, seen from this folder, in which tests run.
const root = "../.."

// cluster is what all tests share.
var cluster *connection

func TestMain(m *testing.M) {
	flag.Parse()
	if *renewals == 0 {
		fmt.Println("No cluster was asked for; see: make e2e")
		return
	}
	ctrllog.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := prepare(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// prepare connects to the cluster and brings it today's images.
func prepare(ctx context.Context) (err error) {
	if os.Getenv("E2E_LOAD_IMAGE") == "" {
		return errors.New("E2E_LOAD_IMAGE is not set; hack/README.md says what it must be")
	}
	if cluster, err = connect(); err != nil {
		return err
	}
	if err := mayBeUsed(ctx); err != nil {
		return err
	}
	if err := provide(ctx, root, operatorImage(today)); err != nil {
		return err
	}
	return provide(ctx, root, propsImage, "./hack/standin", "./test/e2e/reader")
}

// mayBeUsed refuses a cluster that has sessions of others: the tests would delete them.
func mayBeUsed(ctx context.Context) error {
	crd := crdStub()
	switch err := cluster.Get(ctx, client.ObjectKeyFromObject(crd), crd); {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("the cluster has a CustomResourceDefinition %s; the tests install their own, and delete it", crd.GetName())
}
