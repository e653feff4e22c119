package manifests_test

import "strings"

var options = []option{
	{
		"defaults", "what nobody asked for is left to the manager", ``,
		[]found{
			{"Deployment", moreArgs, ""},
			{"Deployment", container + ".image}", "ghcr.io/xtracta/billing-operator:VERSION"},
			{"NetworkPolicy", "{.metadata.name}", ""},
			{"ServiceMonitor", "{.metadata.name}", ""},
			{"CustomResourceDefinition", kept, "keep disabled Prune=false,Delete=false"},
		},
	},
	{
		"resources", "many sessions need more memory, and what is left alone stays", `resources: {limits: {memory: 1Gi}}`,
		[]found{{"Deployment", container + ".resources}", `{"limits":{"memory":"1Gi"},"requests":{"cpu":"10m","memory":"128Mi"}}`}},
	},
	{
		"a list of namespaces", "the manager is nobody anywhere else, and nothing of it is cluster-wide",
		`{watchNamespaces: [finance, sales], crds: {enabled: false}}`,
		[]found{
			{"ClusterRole", "{.metadata.name}", ""},
			{"ClusterRoleBinding", "{.metadata.name}", ""},
			{"CustomResourceDefinition", "{.metadata.name}", ""},
			{"Role", "{.metadata.namespace}", "billing-operator-system finance sales"},
			{"RoleBinding", "{.metadata.namespace}/{.roleRef.kind}/{.subjects[0].namespace}",
				"billing-operator-system/Role/billing-operator-system finance/Role/billing-operator-system sales/Role/billing-operator-system"},
			{"Service", "{.metadata.name}", ""},
			{"Deployment", container + ".args}",
				`["--leader-elect","--metrics-bind-address=0","--health-probe-bind-address=:8081","--watch-namespaces=finance,sales"]`},
			{"Deployment", container + ".ports[*].name}", "probes"},
		},
	},
	{
		"a list of namespaces, with secure metrics", "who asks for them gets what they need, under a name that no other install has",
		`{watchNamespaces: [finance], crds: {enabled: false}, metrics: {mode: secure}}`,
		[]found{
			{"ClusterRoleBinding", "{.metadata.name}", "billing-operator-system-billing-operator-metrics-auth"},
			{"ClusterRole", "{.metadata.name}",
				"billing-operator-system-billing-operator-metrics-auth billing-operator-system-billing-operator-metrics-reader"},
			{"Service", "{.spec.ports[0].name}", "https"},
		},
	},
	{
		"the endpoint", "a test system has another, and the pod's end waits for a longer request",
		`endpoint: {url: "https://staging.xtracta.com/v1/billings/billing_ui", timeoutSeconds: 30, qps: 0.5, burst: 1000000}`,
		[]found{
			{"Deployment", moreArgs, "--endpoint-url=https://staging.xtracta.com/v1/billings/billing_ui " +
				"--endpoint-timeout=30s --endpoint-qps=0.5 --endpoint-burst=1000000"},
			{"Deployment", pod + ".terminationGracePeriodSeconds}", "50"},
		},
	},
	{
		"what the manager is told", "each value is its flag's, and the role speaks of the same lease",
		`{watchLabelSelector: "shard in (a, b),!legacy", allowedURLHosts: [xtracta.com, "*.example.com"], concurrency: 64, replicaCount: 1,
		  leaderElection: {id: shard-a}, metrics: {perSession: false}, log: {level: debug, format: text}, endpoint: {ca: {secret: corporate}}}`,
		[]found{
			{"Deployment", moreArgs, "--metrics-per-session=false --leader-election-id=shard-a --watch-label-selector=shard in (a, b),!legacy " +
				"--endpoint-ca-file=/etc/billing-operator/endpoint-ca/ca.crt --allowed-url-hosts=xtracta.com,*.example.com " +
				"--concurrency=64 --log-level=debug --log-format=text"},
			{"Role", "{.rules[1].resourceNames[*]}", "shard-a"},
			{"Deployment", pod + ".volumes[*].secret.secretName}", "corporate"},
			{"Deployment", container + ".volumeMounts[*].mountPath}", "/etc/billing-operator/endpoint-ca"},
			{"Deployment", "{.spec.replicas}", "1"},
		},
	},
	{
		"no limit of requests", "zero is a value, not the absence of one", `endpoint: {qps: 0}`,
		[]found{{"Deployment", moreArgs, "--endpoint-qps=0"}},
	},
	{
		"a proxy", "the API server must not be asked through it", `proxy: {url: "http://proxy.example.com:3128", noProxy: [.example.com]}`,
		[]found{
			{"Deployment", container + ".env[0]}", `{"name":"HTTPS_PROXY","value":"http://proxy.example.com:3128"}`},
			{"Deployment", container + ".env[1]}", `{"name":"NO_PROXY","value":"$(KUBERNETES_SERVICE_HOST),.example.com"}`},
		},
	},
	{
		"a proxy with a password", "a password does not belong into a Deployment", `proxy: {secret: {name: proxy}}`,
		[]found{{"Deployment", container + ".env[0]}", `{"name":"HTTPS_PROXY","valueFrom":{"secretKeyRef":{"key":"url","name":"proxy"}}}`}},
	},
	{
		"an image by digest", "a digest is always the same image; the tag would be ignored",
		`image: {repository: registry.example.com:5000/operator, tag: v9, digest: "sha256:` + strings.Repeat("0a", 32) + `"}`,
		[]found{{"Deployment", container + ".image}", "registry.example.com:5000/operator@sha256:" + strings.Repeat("0a", 32)}},
	},
	{
		"nodes", "some nodes are for the platform's own",
		`{nodeSelector: {pool: platform}, tolerations: [{key: platform, operator: Exists}], priorityClassName: system-cluster-critical,
		  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: arch, operator: Exists}]}]}}},
		  topologySpreadConstraints: [{topologyKey: rack, maxSkew: 2, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {a: b}}}]}`,
		[]found{
			{"Deployment", pod + ".nodeSelector}", `{"kubernetes.io/os":"linux","pool":"platform"}`},
			{"Deployment", pod + ".tolerations[*].key}", "platform"},
			{"Deployment", pod + ".affinity..key}", "arch"},
			{"Deployment", pod + ".topologySpreadConstraints[*].topologyKey}", "rack"},
			{"Deployment", pod + ".priorityClassName}", "system-cluster-critical"},
		},
	},
	{
		"a network policy", "nothing is reached but DNS, the API server and the endpoint", `networkPolicy: {enabled: true}`,
		[]found{
			{"NetworkPolicy", "{.spec.policyTypes}", `["Ingress","Egress"]`},
			{"NetworkPolicy", "{.spec.ingress}", `[{"ports":[{"port":"metrics","protocol":"TCP"}]}]`},
			{"NetworkPolicy", "{.spec.egress[*].ports[*].port}", "53 53 5353 5353 443 6443 443"},
			{"NetworkPolicy", "{.spec.egress[*].to}", ""},
		},
	},
	{
		"a tight network policy", "who knows the addresses can say them",
		`networkPolicy:
  enabled: true
  apiServer: {cidrs: [10.0.0.1/32], ports: [6443]}
  endpoint: {cidrs: [203.0.113.0/24, "2001:db8::/32"]}
  metricsFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]`,
		[]found{
			{"NetworkPolicy", "{.spec.egress[1]}", `{"ports":[{"port":6443,"protocol":"TCP"}],"to":[{"ipBlock":{"cidr":"10.0.0.1/32"}}]}`},
			{"NetworkPolicy", "{.spec.egress[2].to[*].ipBlock.cidr}", "203.0.113.0/24 2001:db8::/32"},
			{"NetworkPolicy", "{.spec.ingress[0].from..matchLabels}", `{"kubernetes.io/metadata.name":"monitoring"}`},
		},
	},
	{
		"plain metrics", "a mesh may care for TLS already, and then nobody is asked who a scraper is", `metrics: {mode: plain}`,
		[]found{
			{"Deployment", moreArgs, "--metrics-secure=false"},
			{"Service", "{.spec.ports[0].name}", "http"},
			{"ClusterRoleBinding", "{.metadata.name}", "billing-operator-manager"},
		},
	},
	{
		"a service monitor of plain metrics", "a token must not be shown without TLS",
		`metrics: {mode: plain, serviceMonitor: {enabled: true}}`,
		[]found{{"ServiceMonitor", "{.spec.endpoints}", `[{"honorLabels":true,"port":"http","scheme":"http"}]`}},
	},
	{
		"alerts", "an install that is gone must not be taken for another that is there",
		`{fullnameOverride: billing-eu, metrics: {prometheusRule: {enabled: true, labels: {release: prometheus}}}}`,
		[]found{
			{"PrometheusRule", `{.spec.groups[*].rules[?(@.alert=="BillingOperatorAbsent")].expr}`,
				"billing_operator_expected unless on (job, namespace) billingsession_requests_total"},
			{"PrometheusRule", `{.spec.groups[*].rules[?(@.record=="billing_operator_expected")].labels}`,
				`{"job":"billing-eu-metrics","namespace":"billing-operator-system"}`},
			{"PrometheusRule", "{.metadata.labels.release}", "prometheus"},
			{"Service", "{.metadata.name}", "billing-eu-metrics"},
		},
	},
	{
		"another full name", "no two installs share a lease, whatever they are called", `fullnameOverride: billing-eu`,
		[]found{
			{"Deployment", "{.metadata.name}", "billing-eu"},
			{"Deployment", moreArgs, "--leader-election-id=billing-eu"},
			{"Role", "{.metadata.name}: {.rules[1].resourceNames[*]}", "billing-eu-leader-election: billing-eu"},
			{"ClusterRoleBinding", "{.subjects[0].name}", "billing-eu billing-eu"},
			{"Deployment", pod + ".serviceAccountName}", "billing-eu"},
		},
	},
}
