{{/* What all names begin with. Short enough for the longest that a Service may have. */}}
{{- define "billing-operator.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- .Values.fullnameOverride | default $name | trunc 54 | trimSuffix "-" -}}
{{- end -}}

{{/*
What names of cluster-wide objects begin with. Installs that serve a list of namespaces often
have the same name in different namespaces.
*/}}
{{- define "billing-operator.clusterName" -}}
{{- if .Values.watchNamespaces }}{{ .Release.Namespace }}-{{ end }}{{ include "billing-operator.fullname" . }}
{{- end -}}

{{- define "billing-operator.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{/* The manager's pods, and no others': two installs may be in one namespace. */}}
{{- define "billing-operator.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: manager
{{- end -}}

{{/* Who the manager is, to those who bind a role to it. */}}
{{- define "billing-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "billing-operator.fullname" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{- define "billing-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}
{{- else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "billing-operator.leaderElectionID" -}}
{{- .Values.leaderElection.id | default (include "billing-operator.fullname" .) -}}
{{- end -}}

{{/* secure, plain or none */}}
{{- define "billing-operator.metricsMode" -}}
{{- .Values.metrics.mode | default (empty .Values.watchNamespaces | ternary "secure" "none") -}}
{{- end -}}

{{/* The name of the port that serves metrics. */}}
{{- define "billing-operator.metricsScheme" -}}
{{- eq "secure" (include "billing-operator.metricsMode" .) | ternary "https" "http" -}}
{{- end -}}

{{- define "billing-operator.caDirectory" -}}/etc/billing-operator/endpoint-ca{{- end -}}

{{- define "billing-operator.hasCA" -}}
{{- with .Values.endpoint.ca }}{{ if or .secret .configMap }}true{{ end }}{{ end -}}
{{- end -}}

{{/* The command line. Flags whose value is not given are left to the manager. */}}
{{- define "billing-operator.args" -}}
{{- $mode := include "billing-operator.metricsMode" . -}}
{{- $args := list "--leader-elect" -}}
{{- $args = append $args (eq $mode "none" | ternary "--metrics-bind-address=0" "--metrics-bind-address=:8443") -}}
{{- $args = append $args "--health-probe-bind-address=:8081" -}}
{{- if eq $mode "plain" }}{{ $args = append $args "--metrics-secure=false" }}{{ end -}}
{{- if not .Values.metrics.perSession }}{{ $args = append $args "--metrics-per-session=false" }}{{ end -}}
{{- $id := include "billing-operator.leaderElectionID" . -}}
{{- if ne $id "billing-operator" }}{{ $args = append $args (printf "--leader-election-id=%s" $id) }}{{ end -}}
{{- with .Values.watchNamespaces }}{{ $args = append $args (printf "--watch-namespaces=%s" (join "," .)) }}{{ end -}}
{{- with .Values.watchLabelSelector }}{{ $args = append $args (printf "--watch-label-selector=%s" .) }}{{ end -}}
{{- with .Values.endpoint -}}
{{- with .url }}{{ $args = append $args (printf "--endpoint-url=%s" .) }}{{ end -}}
{{- with .timeoutSeconds }}{{ $args = append $args (printf "--endpoint-timeout=%ss" (toJson .)) }}{{ end -}}
{{- if not (kindIs "invalid" .qps) }}{{ $args = append $args (printf "--endpoint-qps=%s" (toJson .qps)) }}{{ end -}}
{{- with .burst }}{{ $args = append $args (printf "--endpoint-burst=%s" (toJson .)) }}{{ end -}}
{{- end -}}
{{- if include "billing-operator.hasCA" . -}}
{{- $args = append $args (printf "--endpoint-ca-file=%s/%s" (include "billing-operator.caDirectory" .) .Values.endpoint.ca.key) -}}
{{- end -}}
{{- with .Values.allowedURLHosts }}{{ $args = append $args (printf "--allowed-url-hosts=%s" (join "," .)) }}{{ end -}}
{{- with .Values.concurrency }}{{ $args = append $args (printf "--concurrency=%s" (toJson .)) }}{{ end -}}
{{- with .Values.log.level }}{{ $args = append $args (printf "--log-level=%s" .) }}{{ end -}}
{{- with .Values.log.format }}{{ $args = append $args (printf "--log-format=%s" .) }}{{ end -}}
{{- toYaml $args -}}
{{- end -}}

{{/* Values that are right each by itself, but not together. */}}
{{- define "billing-operator.check" -}}
{{- with .Values.endpoint.ca }}{{ if and .secret .configMap -}}
{{- fail "endpoint.ca: set secret or configMap, not both" -}}
{{- end }}{{ end -}}
{{- with .Values.proxy }}{{ if and .url .secret.name -}}
{{- fail "proxy: set url or secret.name, not both" -}}
{{- end }}{{ end -}}
{{- if eq "none" (include "billing-operator.metricsMode" .) -}}
{{- if .Values.metrics.serviceMonitor.enabled -}}
{{- fail "metrics.serviceMonitor.enabled: there are no metrics to scrape; set metrics.mode to secure or plain" -}}
{{- end -}}
{{- if .Values.metrics.prometheusRule.enabled -}}
{{- fail "metrics.prometheusRule.enabled: there are no metrics to watch; set metrics.mode to secure or plain" -}}
{{- end -}}
{{- end -}}
{{- end -}}
