{{- define "billing-operator.podSpec" -}}
serviceAccountName: {{ include "billing-operator.serviceAccountName" . | quote }}
automountServiceAccountToken: true
# A request under way is finished and its URL stored: --endpoint-timeout, 15 seconds, and 5 to
# spare.
terminationGracePeriodSeconds: {{ add (.Values.endpoint.timeoutSeconds | default 10) 20 }}
# The user is the image's. OpenShift chooses its own and refuses a fixed one.
securityContext:
  runAsNonRoot: true
  seccompProfile: {type: RuntimeDefault}
{{- with include "billing-operator.pullSecrets" . }}
imagePullSecrets:
{{- . }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
containers:
{{ include "billing-operator.container" . }}
{{- if or (include "billing-operator.hasCA" .) .Values.extraVolumes }}
volumes:
{{- include "billing-operator.volumes" . }}
{{- end }}
{{- include "billing-operator.placement" . }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "billing-operator.container" -}}
- name: manager
  image: {{ include "billing-operator.image" . | quote }}
  {{- with .Values.image.pullPolicy }}
  imagePullPolicy: {{ . }}
  {{- end }}
  args:
  {{- include "billing-operator.args" . | nindent 2 }}
  env:
  {{- include "billing-operator.env" . | nindent 2 }}
  ports:
  {{- if ne "none" (include "billing-operator.metricsMode" .) }}
  - {name: metrics, containerPort: 8443}
  {{- end }}
  - {name: probes, containerPort: 8081}
  # Neither probe depends on Xtracta's endpoint, because a restart would not repair it.
  livenessProbe:
    httpGet: {path: /healthz, port: probes}
    initialDelaySeconds: 15
    periodSeconds: 20
  readinessProbe:
    httpGet: {path: /readyz, port: probes}
    periodSeconds: 10
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: {drop: [ALL]}
  {{- if or (include "billing-operator.hasCA" .) .Values.extraVolumeMounts }}
  volumeMounts:
  {{- if include "billing-operator.hasCA" . }}
  - name: endpoint-ca
    mountPath: {{ include "billing-operator.caDirectory" . }}
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "billing-operator.volumes" -}}
{{- if include "billing-operator.hasCA" . }}
{{- with .Values.endpoint.ca }}
- name: endpoint-ca
  {{- if .secret }}
  secret:
    secretName: {{ .secret | quote }}
  {{- else }}
  configMap:
    name: {{ .configMap | quote }}
  {{- end }}
    items:
    - {key: {{ .key | quote }}, path: {{ .key | quote }}}
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "billing-operator.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if kindIs "invalid" .Values.topologySpreadConstraints }}
topologySpreadConstraints:
# Not both on one node, nor in one zone, where there is another.
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "billing-operator.selector" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- else }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}
