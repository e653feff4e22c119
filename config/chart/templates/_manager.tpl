{{- define "billing-operator.image" -}}
{{- $repository := .Values.image.repository -}}
{{- with .Values.global.imageRegistry -}}
{{- /* As in every image's name, a first part without a dot, a colon or "localhost" is no registry. */ -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) (regexReplaceAll "^(localhost|[^/]*[.:][^/]*)/" $repository "") -}}
{{- end -}}
{{- with .Values.image -}}
{{- if .digest }}{{ $repository }}@{{ .digest }}
{{- else }}{{ $repository }}:{{ .tag | default (include "billing-operator.version" $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "billing-operator.pullSecrets" -}}
{{- $names := list -}}
{{- range concat .Values.imagePullSecrets .Values.global.imagePullSecrets -}}
{{- if kindIs "map" . }}{{ $names = append $names .name }}{{ else }}{{ $names = append $names . }}{{ end -}}
{{- end -}}
{{- range uniq $names }}
- name: {{ . | quote }}
{{- end -}}
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

{{/* The command line. Flags without a value are left to the manager. */}}
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
{{- concat $args .Values.extraArgs | toYaml -}}
{{- end -}}

{{/* The chart's environment variables but for those that extraEnv replaces, then those of extraEnv. */}}
{{- define "billing-operator.env" -}}
{{- $replaced := list -}}
{{- range .Values.extraEnv }}{{ $replaced = append $replaced .name }}{{ end -}}
{{- $env := list -}}
{{- range include "billing-operator.ownEnv" . | fromYamlArray -}}
{{- if not (has .name $replaced) }}{{ $env = append $env . }}{{ end -}}
{{- end -}}
{{- concat $env .Values.extraEnv | toYaml -}}
{{- end -}}

{{- define "billing-operator.ownEnv" -}}
{{- with .Values.proxy }}
{{- if or .url .secret.name }}
- name: HTTPS_PROXY
  {{- if .url }}
  value: {{ .url | quote }}
  {{- else }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret.name | quote }}
      key: {{ .secret.key | quote }}
  {{- end }}
# The kubelet replaces the first entry with the API server's address.
- name: NO_PROXY
  value: {{ prepend .noProxy "$(KUBERNETES_SERVICE_HOST)" | join "," | quote }}
{{- end }}
{{- end }}
# Near its limit the process collects garbage more often, so that it is not killed.
- name: GOMEMLIMIT
  valueFrom:
    resourceFieldRef: {resource: limits.memory, divisor: "1"}
{{- end -}}
