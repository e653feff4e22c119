{{/*
Gives each value that is missing or null its default. Every template begins with this, because
Helm does it only in part: --reuse-values takes all values from the older chart, which does not
have the newer ones. Templates cannot read values.yaml, so files/ holds a copy of it.
*/}}
{{- define "billing-operator.defaults" -}}
{{- include "billing-operator.fill" (dict "values" .Values "defaults" (.Files.Get "files/values.yaml" | fromYaml)) -}}
{{- end -}}

{{/* Changes "values" in place: `include` returns text only. */}}
{{- define "billing-operator.fill" -}}
{{- $values := .values -}}
{{- $defaults := .defaults -}}
{{- range $name, $value := $values -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $values $name -}}
{{- else if kindIs "map" $value -}}
{{- $default := get $defaults $name -}}
{{- include "billing-operator.fill" (dict "values" $value "defaults" (kindIs "map" $default | ternary $default dict)) -}}
{{- end -}}
{{- end -}}
{{- range $name, $default := $defaults -}}
{{- if not (hasKey $values $name) }}{{ $_ := set $values $name $default }}{{ end -}}
{{- end -}}
{{- end -}}
