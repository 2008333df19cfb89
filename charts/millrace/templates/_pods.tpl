{{/* What every pod and every container has in common: Pod Security "restricted", and where it may write. */}}

{{/* The head of a pod's spec: dict "root" $ "component" NAME "uid" NUMBER. No token: nothing of ours asks Kubernetes. */}}
{{- define "millrace.pod" -}}
serviceAccountName: {{ include "millrace.fullname" .root }}-{{ .component }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .uid }}
  fsGroup: {{ .uid }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "millrace.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Labels and annotations of a pod: dict "root" $ "component" NAME "useCase" NAME-OR-EMPTY "sums" TEXT. */}}
{{- define "millrace.podMetadata" -}}
labels:
  {{- /* Not the chart's version: another chart is no reason to stop Kafka or PostgreSQL. */}}
  {{- include "millrace.lastingLabels" . | nindent 2 }}
  {{- with .useCase }}
  millrace/use-case: {{ . }}
  {{- end }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if or .sums .root.Values.podAnnotations }}
annotations:
  {{- with .sums }}
  checksum/told: {{ sha256sum . }}
  {{- end }}
  {{- with .root.Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Where pods go: dict "its" VALUES "seconds" NUMBER-OR-0. */}}
{{- define "millrace.placement" -}}
{{- with .its.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or .its.tolerations .seconds }}
tolerations:
  {{- with .its.tolerations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- if .seconds }}
  - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: {{ .seconds }}}
  - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: {{ .seconds }}}
  {{- end }}
{{- end }}
{{- end -}}

{{/*
The three questions. Started: the process answers. Live: its loops advance and no task has died (red after 30 s without a
beat, by itself, so two refusals are enough). Ready: it does what it is for; red never restarts anything.
*/}}
{{- define "millrace.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 2
  failureThreshold: 90
livenessProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{/* The folders one of our own processes writes to, and no other: dict "size" ROOM. */}}
{{- define "millrace.room" -}}
- name: home
  emptyDir: {sizeLimit: {{ .size }}}
- name: tmp
  emptyDir: {sizeLimit: {{ .size }}}
{{- end -}}

{{- define "millrace.roomMounts" -}}
- {name: home, mountPath: /var/lib/millrace}
- {name: tmp, mountPath: /tmp}
{{- end -}}

{{/* A size in bytes: 4096Mi and 4Gi are the same, and Kubernetes says the shorter. */}}
{{- define "millrace.bytes" -}}
{{- $units := dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- mul (regexFind "^[0-9]+" .) (get $units (regexFind "[A-Z]i$" .)) -}}
{{- end -}}

{{/*
A claim for a StatefulSet: dict "root" $ "its" VALUES "name" KAFKA, S3 OR POSTGRES. Kubernetes never changes one, and would
say so when half of an upgrade is done; here it is said before.
*/}}
{{- define "millrace.claim" -}}
{{- $there := lookup "apps/v1" "StatefulSet" .root.Release.Namespace (printf "%s-%s" (include "millrace.fullname" .root) .name) -}}
{{- range dig "spec" "volumeClaimTemplates" list $there -}}
{{- $size := .spec.resources.requests.storage -}}
{{- $class := default "" .spec.storageClassName -}}
{{- if or (ne (include "millrace.bytes" $size) (include "millrace.bytes" $.its.storage.size)) (ne $class $.its.storage.storageClass) -}}
{{- fail (printf "%s.storage: %s of class %q is asked for, but %s of class %q is there, and an upgrade cannot change that: write what is there, or see Upgrades in docs/deploy.md" $.name $.its.storage.size $.its.storage.storageClass $size $class) -}}
{{- end -}}
{{- end -}}
accessModes: [ReadWriteOnce]
{{- with .its.storage.storageClass }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests: {storage: {{ .its.storage.size }}}
{{- end -}}
