{{/*
A name that is longer than "length" is cut, and ends with a hash of all of it: what differs only in
the part that is cut off must not become the same.
*/}}
{{- define "billing-operator.cut" -}}
{{- if le (len .name) (int .length) }}{{ .name }}
{{- else }}{{ trunc (sub .length 9 | int) .name | trimSuffix "-" }}-{{ sha256sum .name | trunc 8 }}
{{- end -}}
{{- end -}}

{{/* The alias in a parent chart may have characters that no object's name may have. */}}
{{- define "billing-operator.name" -}}
{{- $name := .Values.nameOverride | default (.Chart.Name | lower | replace "_" "-" | trimAll "-") -}}
{{- include "billing-operator.cut" (dict "name" $name "length" 63) -}}
{{- end -}}

{{/*
What all names begin with. A Service's name has at most 63 characters, no dot, and no digit in
front, but a release's name may have both. Only the chart under its own name leaves that name out:
a release's name may contain several aliases, and their objects must not have the same names.
*/}}
{{- define "billing-operator.fullname" -}}
{{- $release := .Release.Name | replace "." "-" -}}
{{- $name := include "billing-operator.name" . -}}
{{- $full := printf "%s-%s" $release $name -}}
{{- if and (eq .Chart.Name "billing-operator") (contains $name $release) }}{{ $full = $release }}{{ end -}}
{{- if regexMatch "^[0-9]" $full }}{{ $full = regexMatch "^[0-9]" $name | ternary (printf "billing-operator-%s" $full) (printf "%s-%s" $name $release) }}{{ end -}}
{{- include "billing-operator.cut" (dict "name" (.Values.fullnameOverride | default $full) "length" 54) -}}
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
