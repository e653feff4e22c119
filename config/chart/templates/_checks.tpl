{{/* Values that pass the schema one by one, but are wrong together or have another name now. */}}
{{- define "billing-operator.check" -}}
{{- include "billing-operator.checkNames" . -}}
{{- include "billing-operator.checkLabels" . -}}
{{- with .Values.endpoint.ca }}{{ if and .secret .configMap -}}
{{- fail "endpoint.ca: set secret or configMap, not both" -}}
{{- end }}{{ end -}}
{{- with .Values.proxy }}{{ if and .url .secret.name -}}
{{- fail "proxy: set url or secret.name, not both" -}}
{{- end }}{{ end -}}
{{- with .Values.serviceAccount }}{{ if not (or .create .name) -}}
{{- fail "serviceAccount.name: required if serviceAccount.create is false; the namespace's default account would give every pod the operator's rights" -}}
{{- end }}{{ end -}}
{{- include "billing-operator.checkMonitoring" . -}}
{{- end -}}

{{- define "billing-operator.checkMonitoring" -}}
{{- $monitor := .Values.metrics.serviceMonitor -}}
{{- $mode := include "billing-operator.metricsMode" . -}}
{{- if and $monitor.enabled (eq $mode "none") -}}
{{- fail "metrics.serviceMonitor.enabled: there are no metrics to scrape; set metrics.mode to secure or plain" -}}
{{- end -}}
{{- if and .Values.metrics.prometheusRule.enabled (eq $mode "none") -}}
{{- fail "metrics.prometheusRule.enabled: there are no metrics to watch; set metrics.mode to secure or plain" -}}
{{- end -}}
{{- if and (include "billing-operator.hasScraper" .) (not .Values.rbac.create) -}}
{{- fail "metrics.serviceMonitor.authorization: required if rbac.create is false; name a Secret with a token that may read /metrics" -}}
{{- end -}}
{{- end -}}

{{- define "billing-operator.checkNames" -}}
{{- range $old, $new := dict "replicas" "replicaCount" "image.pullSecrets" "imagePullSecrets" "crds.install" "crds.enabled" -}}
{{- $values := $.Values -}}
{{- range splitList "." $old -}}
{{- if kindIs "map" $values }}{{ $values = hasKey $values . | ternary (get $values .) nil }}{{ else }}{{ $values = nil }}{{ end -}}
{{- end -}}
{{- if not (kindIs "invalid" $values) -}}
{{- printf "%s is now called %s; if it comes from an older chart by --reuse-values, use --reset-then-reuse-values" $old $new | fail -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Selectors, Helm and the Prometheus rely on these labels. */}}
{{- define "billing-operator.checkLabels" -}}
{{- $own := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "app.kubernetes.io/component" "helm.sh/chart" -}}
{{- $metrics := .Values.metrics -}}
{{- range $place, $labels := dict
  "commonLabels" .Values.commonLabels
  "podLabels" .Values.podLabels
  "dashboard.labels" .Values.dashboard.labels
  "metrics.serviceMonitor.labels" $metrics.serviceMonitor.labels
  "metrics.prometheusRule.labels" $metrics.prometheusRule.labels
-}}
{{- range $own }}{{ if hasKey $labels . }}{{ printf "%s: %s is set by the chart" $place . | fail }}{{ end }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Whether the chart makes an identity for the Prometheus. */}}
{{- define "billing-operator.hasScraper" -}}
{{- $monitor := .Values.metrics.serviceMonitor -}}
{{- if and $monitor.enabled (not $monitor.authorization) (eq "secure" (include "billing-operator.metricsMode" .)) }}true{{ end -}}
{{- end -}}
