//go:build gitops

package controllers

import (
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

// nodes play what a cluster's controllers and nodes make of Deployments. The operator's runs as a
// process, with the arguments of its Deployment and the rights of its ServiceAccount. Other pods are
// said to run as soon as the Secrets are there which they mount.
type nodes struct {
	*site
	program  string                 // the operator
	managers map[types.UID]*manager // by Deployment
}

// manager is the process that runs for one template of pods.
type manager struct {
	*env.Process
	template, health string
}

func (s *site) runDeployments() {
	n := &nodes{site: s, program: env.Tethered(s.t, "manager"), managers: map[types.UID]*manager{}}
	ctx, ended := s.t.Context(), make(chan struct{})
	s.t.Cleanup(func() { <-ended })
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			var deployments appsv1.DeploymentList
			if err := s.kube.List(ctx, &deployments); err == nil {
				n.stopOthers(deployments.Items)
				for _, deployment := range deployments.Items {
					n.report(ctx, &deployment, n.serve(ctx, &deployment))
				}
			}
			s.allowDisruptions(ctx)
			time.Sleep(200 * time.Millisecond) // the pace of looking
		}
	}()
}

// allowDisruptions writes the status of PodDisruptionBudgets, for which Argo CD waits.
func (s *site) allowDisruptions(ctx context.Context) {
	var budgets policyv1.PodDisruptionBudgetList
	_ = s.kube.List(ctx, &budgets)
	for _, budget := range budgets.Items {
		if budget.Status.ObservedGeneration != budget.Generation {
			budget.Status.ObservedGeneration, budget.Status.DisruptionsAllowed = budget.Generation, 1
			budget.Status.Conditions = []metav1.Condition{{
				Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionTrue,
				Reason: policyv1.SufficientPodsReason, LastTransitionTime: metav1.Now(),
			}}
			_ = s.kube.Status().Update(ctx, &budget)
		}
	}
}

// stopOthers stops the managers whose Deployment is gone.
func (n *nodes) stopOthers(deployments []appsv1.Deployment) {
	for uid, m := range n.managers {
		if !slices.ContainsFunc(deployments, func(d appsv1.Deployment) bool { return d.UID == uid }) {
			m.Signal(syscall.SIGTERM)
			delete(n.managers, uid)
		}
	}
}

// serve reports whether the newest pods of a Deployment run.
func (n *nodes) serve(ctx context.Context, deployment *appsv1.Deployment) bool {
	template := deployment.Spec.Template
	if template.Spec.Containers[0].Name != "manager" {
		return n.mounts(ctx, deployment)
	}
	text, err := json.Marshal(template)
	if err != nil {
		return false
	}
	m := n.managers[deployment.UID]
	if m == nil || m.template != string(text) || m.Ended() { // it is started again, as a kubelet would
		if m != nil {
			m.Signal(syscall.SIGTERM)
		}
		if m = n.startManager(deployment); m == nil {
			return false
		}
		m.template = string(text)
		n.managers[deployment.UID] = m
	}
	return answers("http://" + m.health + "/readyz")
}

// mounts reports whether all Secrets are there which a Deployment's pods mount.
func (n *nodes) mounts(ctx context.Context, deployment *appsv1.Deployment) bool {
	for _, volume := range deployment.Spec.Template.Spec.Volumes {
		if volume.Secret == nil {
			continue
		}
		name := client.ObjectKey{Namespace: deployment.Namespace, Name: volume.Secret.SecretName}
		if n.kube.Get(ctx, name, &corev1.Secret{}) != nil {
			return false
		}
	}
	return true
}

// startManager adds to a Deployment's arguments only addresses, and what a pod would know of itself.
func (n *nodes) startManager(deployment *appsv1.Deployment) *manager {
	pod := deployment.Spec.Template.Spec
	_, kubeconfig, err := n.cluster.AddServiceAccount(deployment.Namespace, pod.ServiceAccountName)
	if err != nil {
		n.t.Errorf("the operator's ServiceAccount: %v", err)
		return nil
	}
	health := env.FreeAddress(n.t)
	return &manager{health: health, Process: env.Start(n.t, exec.Command(n.program, slices.Concat(pod.Containers[0].Args, []string{
		"--kubeconfig=" + env.Kubeconfig(n.t, kubeconfig), "--leader-election-namespace=" + deployment.Namespace,
		"--endpoint-url=" + n.url + standin.Path, "--metrics-bind-address=0", "--health-probe-bind-address=" + health,
	})...))}
}

// report writes the status that the Deployment's controller would write.
func (n *nodes) report(ctx context.Context, deployment *appsv1.Deployment, running bool) {
	replicas := ptr.Deref(deployment.Spec.Replicas, 1)
	available, status, progress := int32(0), corev1.ConditionFalse, "ReplicaSetUpdated"
	if running {
		available, status, progress = replicas, corev1.ConditionTrue, "NewReplicaSetAvailable"
	}
	want := appsv1.DeploymentStatus{
		ObservedGeneration: deployment.Generation, Replicas: replicas, UpdatedReplicas: replicas,
		ReadyReplicas: available, AvailableReplicas: available, UnavailableReplicas: replicas - available,
		Conditions: []appsv1.DeploymentCondition{
			{Type: appsv1.DeploymentAvailable, Status: status, Reason: "MinimumReplicas"},
			{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: progress},
		},
	}
	if equality.Semantic.DeepEqual(deployment.Status, want) {
		return
	}
	deployment.Status = want
	_ = n.kube.Status().Update(ctx, deployment) // the next look repeats what failed
}
