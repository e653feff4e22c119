{{/* The alias in a parent chart may have characters that no object's name may have. */}}
{{- define "billing-operator.name" -}}
{{- .Values.nameOverride | default (.Chart.Name | lower | replace "_" "-" | trimAll "-") -}}
{{- end -}}

{{/*
What all names begin with. A Service's name has at most 63 characters, no dot, and no digit in
front, but a release's name may have both.
*/}}
{{- define "billing-operator.fullname" -}}
{{- $release := .Release.Name | replace "." "-" -}}
{{- $name := include "billing-operator.name" . -}}
{{- $full := contains $name $release | ternary $release (printf "%s-%s" $release $name) -}}
{{- if regexMatch "^[0-9]" $full }}{{ $full = printf "%s-%s" (regexMatch "^[0-9]" $name | ternary "billing-operator" $name) $release }}{{ end -}}
{{- .Values.fullnameOverride | default $full | trunc 54 | trimSuffix "-" -}}
{{- end -}}

{{/*
What names of cluster-wide objects begin with. Releases that serve a list of namespaces often
have the same name in different namespaces.
*/}}
{{- define "billing-operator.clusterName" -}}
{{- if .Values.watchNamespaces }}{{ .Release.Namespace }}-{{ end }}{{ include "billing-operator.fullname" . }}
{{- end -}}

{{- define "billing-operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "billing-operator.fullname" .) -}}
{{- end -}}

{{- define "billing-operator.leaderElectionID" -}}
{{- .Values.leaderElection.id | default (include "billing-operator.fullname" .) -}}
{{- end -}}
