package documents

// step is a command of a document, by its beginning, at its place in the operator's life.
type step struct {
	document, command string

	before func(*stage)
	prints string // a regular expression for what it prints
	after  func(*stage)
}

const (
	readme   = "README.md"
	api      = "api/README.md"
	config   = "config/README.md"
	chart    = "config/chart/README.md"
	metrics  = "config/prometheus/README.md"
	runbooks = "config/prometheus/runbooks.md"
	plugin   = "cmd/kubectl-billing/README.md"
	link     = "cmd/billing-link/README.md"
)

func steps() (all []step) {
	for _, part := range [][]step{
		fromCloneToURL, atThreeInTheMorning, withThePlugin, betweenKustomizeAndHelm, kustomizeGoes, helmComesAndGoes, otherInstalls,
	} {
		all = append(all, part...)
	}
	return all
}

// What a reader does who has only the README.
var fromCloneToURL = []step{
	{document: "CONTRIBUTING.md", command: "make help", prints: "make demo"},
	{document: readme, command: "make bin/tools/kustomize"},
	{document: readme, command: "(cd config/manager && ../../bin/tools/kustomize edit set image"},
	{document: config, command: "make install.yaml", after: (*stage).oneFileIsInstalled},
	{document: readme, command: "kubectl apply --server-side -k config/default", prints: "deployment.apps/billing-operator serverside-applied",
		after: func(s *stage) {
			s.runsImage("billing-operator", image)
			s.startOperator()
		}},
	{document: readme, command: "kubectl create namespace finance"},
	{document: readme, command: "kubectl create secret generic acme-xtracta -n finance --from-file", before: (*stage).writeKey},
	{document: readme, command: "kubectl apply -n finance -f acme.yaml", before: (*stage).writeSession},
	{document: readme, command: "kubectl wait -n finance", prints: "billingsession.billing.xtracta.com/acme condition met"},
	{document: readme, command: "kubectl get secret acme -n finance", prints: "^http://127.0.0.1", after: (*stage).outputOpensThePage},
	{document: api, command: "kubectl wait --for=condition=Ready", prints: "condition met"},
	{document: api, command: "kubectl annotate billingsession acme", prints: "annotated", after: (*stage).aFreshURLComes},
	{document: config, command: "kubectl create rolebinding billing-people", prints: "created"},
	{document: link, command: "kubectl apply -n finance -k config/samples/link", prints: "deployment.apps/.* created"},
}

var atThreeInTheMorning = []step{
	{document: runbooks, command: "kubectl billing list -A", prints: `finance +acme +True`},
	{document: runbooks, command: "kubectl billing explain acme -n finance", prints: "Nothing needs to be done"},
	{document: runbooks, command: "kubectl describe billingsession acme", prints: "Reason: +Issued"},
	{document: runbooks, command: "kubectl get billingsession acme -n finance -o jsonpath", prints: "Ready: The URL is alive until"},
	{document: runbooks, command: "kubectl get billingsessions -A -o custom-columns", prints: `finance +acme +acme-xtracta`},
	{document: runbooks, command: "kubectl get billingsessions -n finance -o custom-columns", prints: `acme +acme-xtracta`},
	{document: runbooks, command: "kubectl get secrets,resourcequotas -n finance", prints: "secret/acme-xtracta"},
	{document: runbooks, command: "kubectl get secret acme -n finance -o yaml --show-managed-fields", prints: "manager: "},
	{document: runbooks, command: "kubectl get lease billing-operator", prints: "holderIdentity: "},
	{document: runbooks, command: "kubectl get pods -n billing-operator-system -o wide", before: (*stage).playKubelet, prints: "billing-operator-0 .* a-node"},
	{document: runbooks, command: "kubectl get pods,events -n billing-operator-system", prints: "pod/billing-operator-0"},
	{document: runbooks, command: `kubectl logs -n billing-operator-system -l app.kubernetes.io/component=manager --prefix --tail=-1 | grep '"name":"acme"'`,
		prints: `"msg":"The endpoint granted a URL"`},
	{document: runbooks, command: "kubectl logs -n billing-operator-system -l app.kubernetes.io/component=manager --prefix --tail=-1 >"},
	{document: runbooks, command: "kubectl logs -n billing-operator-system -l app.kubernetes.io/component=manager --prefix --tail=-1 | grep endpoint-ca-file",
		before: (*stage).breakCAFile, prints: "endpoint-ca-file"},
	{document: runbooks, command: "kubectl logs -n billing-operator-system -l app.kubernetes.io/component=manager --prefix --tail=50", prints: "starting"},
	{document: runbooks, command: "kubectl logs -n billing-operator-system -l app.kubernetes.io/component=manager --prefix --previous", prints: "starting"},
	{document: runbooks, command: "kubectl rollout restart deployment billing-operator", prints: "deployment.apps/billing-operator restarted"},
}

// The context's namespace is finance.
var withThePlugin = []step{
	{document: plugin, command: "ln -s kubectl-billing kubectl_complete-billing"},
	{document: plugin, command: "kubectl billing list", prints: `acme +True`},
	{document: plugin, command: "kubectl billing open acme --print | xclip", after: (*stage).clipboardHoldsURL},
	{document: plugin, command: "kubectl billing open acme", prints: "Opened the billing page of acme in your browser"},
	{document: plugin, command: "kubectl billing get acme -o jsonpath", prints: "status.url is left out"},
	{document: plugin, command: "kubectl billing renew acme --wait", prints: "acme renewed; its URL works for"},
	{document: plugin, command: "kubectl billing renew --all -n finance --wait", prints: "acme renewed; its URL works for"},
	{document: plugin, command: "kubectl billing explain acme", prints: "Session acme in namespace finance"},
}

// The Deployment stays the same object in all of it.
var betweenKustomizeAndHelm = []step{
	{document: config, command: "helm install billing-operator config/chart --namespace billing-operator-system --take-ownership",
		before: (*stage).rememberDeployment, prints: "STATUS: deployed"},
	{document: config, command: "helm upgrade billing-operator config/chart --namespace billing-operator-system --reuse-values --set image.tag=",
		prints: "has been upgraded", after: (*stage).deploymentIsTheSame},
	{document: metrics, command: "helm upgrade billing-operator config/chart", before: (*stage).installMonitoringCRDs, prints: "has been upgraded"},
	{document: config, command: "kubectl apply --server-side --force-conflicts -k config/default", prints: "deployment.apps/billing-operator serverside-applied"},
	{document: metrics, command: "kubectl apply --server-side -k config/prometheus", prints: "servicemonitor.monitoring.coreos.com/billing-operator serverside-applied"},
	{document: config, command: "kubectl delete secret --namespace billing-operator-system --selector owner=helm,name=billing-operator",
		prints: "deleted", after: (*stage).deploymentIsTheSame},
	{document: config, command: "helm install billing-operator config/chart --namespace billing-operator-system --take-ownership", prints: "STATUS: deployed"},
	{document: config, command: "helm install billing config/chart --namespace billing-operator-system --take-ownership", prints: "STATUS: deployed"},
	{document: config, command: "kubectl delete secret --namespace billing-operator-system --selector owner=helm,name=billing-operator",
		prints: "deleted", after: func(s *stage) {
			s.deploymentIsTheSame()
			s.runsImage("billing-operator", image)
		}},
}

var kustomizeGoes = []step{
	{document: config, command: "kubectl delete billingsessions --all", prints: `billingsession.billing.xtracta.com "acme" deleted`},
	{document: config, command: "kubectl delete -k config/prometheus", prints: "deleted"},
	{document: config, command: "kubectl delete -k config/default", before: (*stage).stopOperator, after: (*stage).nothingIsLeft},
}

var helmComesAndGoes = []step{
	{document: readme, command: "helm install billing-operator", prints: "STATUS: deployed",
		after: func(s *stage) {
			s.runsImage("billing-operator", image)
		}},
	{document: config, command: "helm upgrade billing-operator config/chart --namespace billing-operator-system --reuse-values --set 'watchLabelSelector=",
		prints: "has been upgraded"},
	{document: config, command: "helm install billing-operator-one config/chart", prints: "STATUS: deployed",
		after: func(s *stage) {
			s.runsImage("billing-operator-one", image)
			s.shell("helm uninstall billing-operator-one --namespace billing-operator-system")
		}},
	{document: config, command: "helm uninstall billing-operator", prints: "uninstalled"},
	{document: config, command: "kubectl delete crd billingsessions.billing.xtracta.com", prints: "deleted", after: (*stage).nothingIsLeft},
	{document: chart, command: "helm install billing-operator", prints: "STATUS: deployed",
		after: func(s *stage) {
			s.shell("helm uninstall billing-operator --namespace billing-operator-system")
			s.deleteDefinition()
		}},
	{document: config, command: "helm install billing-operator config/chart --namespace billing-operator-system --create-namespace --set image.repository=registry.example.com/billing-operator --set image.tag=$VERSION --set watchNamespaces",
		prints: "STATUS: deployed", after: func(s *stage) {
			s.shell("kubectl get rolebinding billing-operator-system-billing-operator-manager -n finance")
		}},
}

var otherInstalls = []step{
	{document: config, command: "kubectl apply --server-side -k config/namespaced", before: func(s *stage) {
		s.shell("helm uninstall billing-operator --namespace billing-operator-system")
		s.deleteDefinition()
	}, prints: "rolebinding.rbac.authorization.k8s.io/.* serverside-applied"},
	{document: config, command: "kubectl apply --server-side -k config/shards", prints: "deployment.apps/billing-operator-one serverside-applied"},
	{document: config, command: "kubectl label billingsession acme -n finance", before: (*stage).declareAgain, prints: "labeled"},
	{document: metrics, command: "kubectl apply --server-side -k config/prometheus", prints: "prometheusrule.monitoring.coreos.com/billing-operator serverside-applied"},
	{document: metrics, command: "kubectl apply --server-side -k config/grafana", prints: "configmap/.* serverside-applied"},
	{document: config, command: "kubectl apply --server-side --field-manager=billing-operator -k config/argocd",
		before: func(s *stage) { s.shell("kubectl create namespace argocd") }, prints: "configmap/argocd-cm serverside-applied"},
}
