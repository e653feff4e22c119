package manifests_test

// conventions are values that most charts have.
var conventions = []option{
	{
		"labels of all objects", "costs are told apart by them, and selectors stay", `commonLabels: {team: finance, app.kubernetes.io/part-of: billing}`,
		[]found{
			{"Deployment", "{.metadata.labels.team}", "finance"},
			{"Deployment", "{.spec.template.metadata.labels.team}", "finance"},
			{"Deployment", "{.spec.selector.matchLabels}", `{"app.kubernetes.io/component":"manager","app.kubernetes.io/name":"billing-operator"}`},
			{"CustomResourceDefinition", "{.metadata.labels.team}", "finance"},
			{"Service", `{.metadata.labels.app\.kubernetes\.io/part-of}`, "billing"},
			{"ServiceAccount", "{.metadata.labels.team}", "finance"},
			{"ClusterRole", "{.metadata.labels.team}", "finance finance finance finance finance"},
		},
	},
	{
		"labels and annotations of pods", "meshes and log collectors look for them", `{podLabels: {sidecar.istio.io/inject: "false"}, podAnnotations: {a: b}}`,
		[]found{
			{"Deployment", `{.spec.template.metadata.labels.sidecar\.istio\.io/inject}`, "false"},
			{"Deployment", `{.spec.template.metadata.annotations}`, `{"a":"b","kubectl.kubernetes.io/default-container":"manager"}`},
			{"Deployment", "{.spec.selector.matchLabels}", `{"app.kubernetes.io/component":"manager","app.kubernetes.io/name":"billing-operator"}`},
		},
	},
	{
		"a variable that the chart sets", "the API server refuses a name that is there twice", `{proxy: {url: "http://proxy:1"}, extraEnv: [{name: GOMEMLIMIT, value: 300MiB}, {name: NO_PROXY, value: a}]}`,
		[]found{{"Deployment", container + ".env[*]}",
			`{"name":"HTTPS_PROXY","value":"http://proxy:1"} {"name":"GOMEMLIMIT","value":"300MiB"} {"name":"NO_PROXY","value":"a"}`}},
	},
	{
		"volumes", "certificates come from a driver", `{endpoint: {ca: {secret: corporate}}, extraVolumes: [{name: more, emptyDir: {}}], extraVolumeMounts: [{name: more, mountPath: /more}]}`,
		[]found{
			{"Deployment", pod + ".volumes[*].name}", "endpoint-ca more"},
			{"Deployment", container + ".volumeMounts[*].mountPath}", "/etc/billing-operator/endpoint-ca /more"},
		},
	},
	{
		"a ServiceAccount with a name", "clouds bind identities to names", `serviceAccount: {name: billing, annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::1:role/a"}}`,
		[]found{
			{"ServiceAccount", "{.metadata.name}", "billing"},
			{"ServiceAccount", `{.metadata.annotations.eks\.amazonaws\.com/role-arn}`, "arn:aws:iam::1:role/a"},
			{"Deployment", pod + ".serviceAccountName}", "billing"},
			{"ClusterRoleBinding", "{.subjects[*].name}", "billing billing"},
			{"RoleBinding", "{.subjects[*].name}", "billing"},
		},
	},
	{
		"no roles", "only a security team may make them", `rbac: {create: false}`,
		[]found{
			{"ClusterRole", "{.metadata.name}", ""}, {"ClusterRoleBinding", "{.metadata.name}", ""},
			{"Role", "{.metadata.name}", ""}, {"RoleBinding", "{.metadata.name}", ""},
			{"ServiceAccount", "{.metadata.name}", "billing-operator"},
		},
	},
	{
		"roles that stand alone", "not everybody with edit may see the billing page", `rbac: {aggregate: false}`,
		[]found{{"ClusterRole", `{.metadata.name}{.metadata.labels.rbac\.authorization\.k8s\.io/aggregate-to-edit}`,
			"billing-operator-billingsession-editor billing-operator-billingsession-viewer billing-operator-manager billing-operator-metrics-auth billing-operator-metrics-reader"}},
	},
	{
		"more objects", "a release brings along what it needs", `extraObjects:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: "{{ .Release.Name }}-object", namespace: "{{ .Release.Namespace }}"}, data: {replicas: "{{ .Values.replicaCount }}"}}
- |
  apiVersion: v1
  kind: ConfigMap
  metadata: {name: text, namespace: {{ .Release.Namespace }}}`,
		[]found{{"ConfigMap", "{.metadata.name} {.data.replicas}", "billing-operator-object 2 text "}},
	},
	{
		"a dashboard", "the sidecar of Grafana's chart finds it", `dashboard: {enabled: true, labels: {team: a}, annotations: {grafana_folder: Billing}}`,
		[]found{
			{"ConfigMap", "{.metadata.name}", "billing-operator-dashboard"},
			{"ConfigMap", "{.metadata.labels.grafana_dashboard} {.metadata.labels.team} {.metadata.annotations.grafana_folder}", "1 a Billing"},
		},
	},
	{
		"credentials of the registry", "charts take them as a pod does", `{imagePullSecrets: [{name: a}, b], global: {imagePullSecrets: [{name: b}, c]}}`,
		[]found{{"Deployment", pod + ".imagePullSecrets[*].name}", "a b c"}},
	},
	{
		"another registry", "clusters without internet have a mirror", `global: {imageRegistry: "mirror.example.com:5000/"}`,
		[]found{{"Deployment", container + ".image}", "mirror.example.com:5000/xtracta/billing-operator:VERSION"}},
	},
	{
		"no CustomResourceDefinition", "a cluster has it once", `crds: {enabled: false}`,
		[]found{
			{"CustomResourceDefinition", "{.metadata.name}", ""},
			{"ClusterRole", "{.metadata.name}", "billing-operator-manager billing-operator-metrics-auth billing-operator-metrics-reader"},
		},
	},
	{
		"a CustomResourceDefinition that goes", "a test cluster is cleaned up", `crds: {keep: false}`,
		[]found{{"CustomResourceDefinition", kept, "  "}},
	},
	{
		"another name", "the selector stays that of Kustomize", `nameOverride: links`,
		[]found{
			{"Deployment", "{.metadata.name}", "billing-operator-links"},
			{"Deployment", `{.metadata.labels.app\.kubernetes\.io/name}`, "links"},
			{"Deployment", "{.spec.selector.matchLabels}", `{"app.kubernetes.io/component":"manager-links","app.kubernetes.io/name":"billing-operator"}`},
		},
	},
	{
		"a service monitor with a token of the chart's", "OpenShift lets no monitor name a file", `metrics: {serviceMonitor: {enabled: true}}`,
		[]found{
			{"ServiceMonitor", "{..bearerTokenFile}", ""},
			{"ServiceMonitor", "{.spec.endpoints[0].authorization}", `{"credentials":{"key":"token","name":"billing-operator-metrics-reader"}}`},
			{"ServiceMonitor", "{.spec.endpoints[0].tlsConfig}", `{"insecureSkipVerify":true}`},
			{"Secret", `{.metadata.name} {.type} {.metadata.annotations.kubernetes\.io/service-account\.name}`,
				"billing-operator-metrics-reader kubernetes.io/service-account-token billing-operator-metrics-reader"},
			{"ClusterRoleBinding", `{.metadata.name}:{.roleRef.name}:{.subjects[0].name}`, "billing-operator-manager:billing-operator-manager:billing-operator" +
				" billing-operator-metrics-auth:billing-operator-metrics-auth:billing-operator" +
				" billing-operator-metrics-reader:billing-operator-metrics-reader:billing-operator-metrics-reader"},
		},
	},
	{
		"a service monitor with a token of one's own", "then the chart makes none",
		`metrics: {serviceMonitor: {enabled: true, authorization: {type: Bearer, credentials: {name: mine, key: t}}, tlsConfig: {serverName: a, ca: {configMap: {name: ca, key: ca.crt}}},
		  relabelings: [{targetLabel: cluster, replacement: eu}], metricRelabelings: [{action: labeldrop, regex: pod}]}}`,
		[]found{
			{"ServiceMonitor", "{.spec.endpoints[0].authorization.credentials.name}", "mine"},
			{"ServiceMonitor", "{.spec.endpoints[0].tlsConfig}", `{"ca":{"configMap":{"key":"ca.crt","name":"ca"}},"serverName":"a"}`},
			{"ServiceMonitor", "{.spec.endpoints[0].relabelings[*].targetLabel}", "cluster"},
			{"ServiceMonitor", "{.spec.endpoints[0].metricRelabelings[*].action}", "labeldrop"},
			{"Secret", "{.metadata.name}", ""},
			{"ServiceAccount", "{.metadata.name}", "billing-operator"},
		},
	},
}

const kept = `{.metadata.annotations.helm\.sh/resource-policy} {.metadata.annotations.kustomize\.toolkit\.fluxcd\.io/prune} ` +
	`{.metadata.annotations.argocd\.argoproj\.io/sync-options}`
