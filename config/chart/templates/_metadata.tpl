{{/* The metadata of an object of the release's namespace: "root", and optionally "suffix", "labels", "annotations". */}}
{{- define "billing-operator.metadata" -}}
name: {{ printf "%s%s" (include "billing-operator.fullname" .root) (.suffix | default "") | quote }}
namespace: {{ .namespace | default .root.Release.Namespace | quote }}
{{ include "billing-operator.labelsAndAnnotations" . }}
{{- end -}}

{{/* The same for a cluster-wide object, or for one that is in several namespaces. */}}
{{- define "billing-operator.clusterMetadata" -}}
name: {{ printf "%s%s" (include "billing-operator.clusterName" .root) (.suffix | default "") | quote }}
{{- with .namespace }}
namespace: {{ . | quote }}
{{- end }}
{{ include "billing-operator.labelsAndAnnotations" . }}
{{- end -}}

{{- define "billing-operator.labelsAndAnnotations" -}}
labels:
  {{- merge (include "billing-operator.labels" .root | fromYaml) (.labels | default dict) | toYaml | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
A version may have characters that neither a label nor an image's tag may have, such as the plus of
v0.1.0+acme.1. Both begin and end with a letter or a digit.
*/}}
{{- define "billing-operator.version" -}}
{{- regexReplaceAll "[^-._a-zA-Z0-9]" . "_" | trimAll "-._" -}}
{{- end -}}

{{- define "billing-operator.versionLabel" -}}
{{- include "billing-operator.version" . | trunc 63 | trimAll "-._" -}}
{{- end -}}

{{- define "billing-operator.labels" -}}
app.kubernetes.io/name: {{ include "billing-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ include "billing-operator.versionLabel" .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | include "billing-operator.versionLabel" | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
The manager's pods, and no others', as several releases may be in one namespace. It is that of
config/default and config/shards for a Deployment of the same name, because a selector cannot
change, and depends on nothing else: another release can take over the Deployment.
*/}}
{{- define "billing-operator.selector" -}}
{{- $name := include "billing-operator.fullname" . -}}
{{- $component := printf "manager.%s" $name -}}
{{- if eq $name "billing-operator" }}{{ $component = "manager" }}{{ end -}}
{{- if hasPrefix "billing-operator-" $name }}{{ $component = $name | trimPrefix "billing-operator" | printf "manager%s" }}{{ end -}}
app.kubernetes.io/name: billing-operator
app.kubernetes.io/component: {{ $component | quote }}
{{- end -}}

{{- define "billing-operator.podLabels" -}}
{{- $labels := include "billing-operator.selector" . | fromYaml -}}
{{- $_ := set $labels "app.kubernetes.io/instance" .Release.Name -}}
{{- merge $labels .Values.podLabels .Values.commonLabels | toYaml -}}
{{- end -}}

{{/* The manager, to those who bind a role to it. */}}
{{- define "billing-operator.subjects" -}}
- kind: ServiceAccount
  name: {{ include "billing-operator.serviceAccountName" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end -}}
