{{/* What parts are told: MILLRACE_ variables, each part only those it needs. Parts read nothing else. */}}

{{- define "millrace.kafka" -}}
{{- $name := include "millrace.fullname" . -}}
{{- if eq .Values.kafka.mode "external" -}}
{{ .Values.kafka.external.bootstrapServers }}
{{- else if eq .Values.kafka.mode "strimzi" -}}
{{ $name }}-kafka-bootstrap:9092
{{- else -}}
{{- $brokers := list -}}
{{- range until (int .Values.kafka.brokers) }}
{{- $brokers = append $brokers (printf "%s-kafka-%d.%s-kafka.%s.svc:9092" $name . $name $.Release.Namespace) }}
{{- end -}}
{{ join "," $brokers }}
{{- end -}}
{{- end -}}

{{- define "millrace.s3" -}}
{{- if eq .Values.s3.mode "external" }}{{ .Values.s3.external.endpoint }}{{ else }}http://{{ include "millrace.fullname" . }}-s3:9000{{ end -}}
{{- end -}}

{{- define "millrace.mlflow" -}}
{{- if eq .Values.mlflow.mode "external" }}{{ .Values.mlflow.external.url }}{{ else }}http://{{ include "millrace.fullname" . }}-mlflow:5000{{ end -}}
{{- end -}}

{{/* The Secret with credentials of the store for one of trainer, reader, mlflow: dict "root" $ "who" NAME. */}}
{{- define "millrace.s3Secret" -}}
{{- $theirs := .root.Values.s3.credentials -}}
{{- $given := get $theirs .who -}}
{{- if and (not $given) (eq .root.Values.s3.mode "external") }}{{ $given = $theirs.trainer }}{{ end -}}
{{- include "millrace.secret" (dict "root" .root "own" (printf "s3-%s" .who) "existing" $given) -}}
{{- end -}}

{{/* A use case as parts find it: by name, or by the path of its file: dict "root" $ "case" ENTRY. */}}
{{- define "millrace.caseFile" -}}
{{- if .case.configMap }}{{ .case.configMap.key }}{{ else }}{{ .case.name | replace "-" "_" }}.py{{ end -}}
{{- end -}}

{{- define "millrace.case" -}}
{{- if or .case.file .case.configMap }}/usecases/{{ .case.name }}/{{ include "millrace.caseFile" . }}{{ else }}{{ .case.name }}{{ end -}}
{{- end -}}

{{- define "millrace.cases" -}}
{{- $all := list -}}
{{- range .Values.useCases }}{{ $all = append $all (include "millrace.case" (dict "root" $ "case" .)) }}{{ end -}}
{{ join "," $all }}
{{- end -}}

{{/* Volumes and mounts of users' files: dict "root" $ "cases" LIST. */}}
{{- define "millrace.caseVolumes" -}}
{{- range .cases }}
{{- if or .file .configMap }}
- name: case-{{ .name }}
  configMap:
    name: {{ if .configMap }}{{ .configMap.name }}{{ else }}{{ include "millrace.fullname" $.root }}-case-{{ .name }}{{ end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "millrace.caseMounts" -}}
{{- range .cases }}
{{- if or .file .configMap }}
- {name: case-{{ .name }}, mountPath: /usecases/{{ .name }}, readOnly: true}
{{- end }}
{{- end }}
{{- end -}}

{{/* What parts read from the chart's own files at their start, as text; when it changes they start anew: dict "root" $ "cases" LIST "keys" BOOL. */}}
{{- define "millrace.read" -}}
{{- range .cases }}{{ with .file }}{{ . }}{{ end }}{{ end -}}
{{- if .keys }}{{ join "" .root.Values.signing.alsoTrusted }}{{ end -}}
{{- end -}}

{{/* Where the trainers' figures are, for the API's own page of health. */}}
{{- define "millrace.measured" -}}
{{- $all := list -}}
{{- range .Values.useCases }}{{ $all = append $all (printf "http://%s-trainer-%s:8010" (include "millrace.fullname" $) .name) }}{{ end -}}
{{ join "," $all }}
{{- end -}}

{{- define "millrace.told.all" -}}
- {name: MILLRACE_HOME, value: /var/lib/millrace}
- {name: PYTHONHASHSEED, value: "0"}
{{- with .Values.topicPrefix }}
- {name: MILLRACE_TOPIC_PREFIX, value: {{ . | quote }}}
{{- end }}
{{- end -}}

{{- define "millrace.told.kafka" -}}
- {name: MILLRACE_KAFKA, value: {{ include "millrace.kafka" . | quote }}}
{{- if eq .Values.kafka.mode "external" }}
{{- with .Values.kafka.external }}
- {name: MILLRACE_KAFKA_SECURITY, value: {{ .security }}}
{{- if hasPrefix "SASL" .security }}
- {name: MILLRACE_KAFKA_SASL, value: {{ .sasl }}}
- name: MILLRACE_KAFKA_USER
  valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: user}}
- name: MILLRACE_KAFKA_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: password}}
{{- end }}
{{- if .caInSecret }}
- {name: MILLRACE_KAFKA_CA, value: /kafka-ca/ca.crt}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "millrace.kafkaVolumes" -}}
{{- if and (eq .Values.kafka.mode "external") .Values.kafka.external.caInSecret }}
- name: kafka-ca
  secret:
    secretName: {{ .Values.kafka.external.existingSecret }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end -}}

{{- define "millrace.kafkaMounts" -}}
{{- if and (eq .Values.kafka.mode "external") .Values.kafka.external.caInSecret }}
- {name: kafka-ca, mountPath: /kafka-ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "millrace.told.registry" -}}
{{- with .Values.kafka.schemaRegistry }}
{{- if .url }}
- {name: MILLRACE_SCHEMA_REGISTRY, value: {{ .url | quote }}}
{{- if .existingSecret }}
- name: MILLRACE_SCHEMA_REGISTRY_USER
  valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: user}}
- name: MILLRACE_SCHEMA_REGISTRY_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .existingSecret }}, key: password}}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The store, with the credentials of one of trainer, reader: dict "root" $ "who" NAME. */}}
{{- define "millrace.told.s3" -}}
{{- $secret := include "millrace.s3Secret" . -}}
- {name: MILLRACE_S3_ENDPOINT, value: {{ include "millrace.s3" .root | quote }}}
- {name: MILLRACE_S3_REGION, value: {{ .root.Values.s3.region }}}
- {name: MILLRACE_CHECKPOINTS_BUCKET, value: {{ .root.Values.s3.buckets.checkpoints }}}
- {name: MILLRACE_ARTIFACTS_BUCKET, value: {{ .root.Values.s3.buckets.artifacts }}}
- name: MILLRACE_S3_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: access-key}}
- name: MILLRACE_S3_SECRET_KEY
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: secret-key}}
{{- end -}}

{{- define "millrace.told.redis" -}}
{{- if eq .Values.redis.mode "external" }}
- name: MILLRACE_REDIS
  valueFrom: {secretKeyRef: {name: {{ .Values.redis.existingSecret }}, key: url}}
{{- else }}
- name: REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "millrace.secret" (dict "root" . "own" "redis" "existing" .Values.redis.existingSecret) }}, key: password}}
- {name: MILLRACE_REDIS, value: "redis://:$(REDIS_PASSWORD)@{{ include "millrace.fullname" . }}-redis:6379/0"}
{{- end }}
{{- end -}}

{{- define "millrace.told.mlflow" -}}
- {name: MILLRACE_MLFLOW, value: {{ include "millrace.mlflow" . | quote }}}
{{- end -}}

{{/* The public keys that sealed states may be signed with, as a JSON list of files. */}}
{{- define "millrace.told.keys" -}}
{{- $files := list "/keys/trainer.pub" -}}
{{- range $number, $_ := .Values.signing.alsoTrusted }}{{ $files = append $files (printf "/trusted/%d.pub" $number) }}{{ end -}}
- {name: MILLRACE_PUBLIC_KEYS, value: {{ $files | toJson | quote }}}
{{- end -}}

{{/* Keys as files: dict "root" $ "private" BOOL. Who only verifies never sees the private one. */}}
{{- define "millrace.keyVolumes" -}}
- name: keys
  secret:
    secretName: {{ include "millrace.secret" (dict "root" .root "own" "signing" "existing" .root.Values.signing.existingSecret) }}
    defaultMode: 0440
    items:
      - {key: trainer.pub, path: trainer.pub}
      {{- if .private }}
      - {key: trainer.key, path: trainer.key}
      {{- end }}
{{- if .root.Values.signing.alsoTrusted }}
- name: trusted
  configMap: {name: {{ include "millrace.fullname" .root }}-trusted}
{{- end }}
{{- end -}}

{{- define "millrace.keyMounts" -}}
- {name: keys, mountPath: /keys, readOnly: true}
{{- if .Values.signing.alsoTrusted }}
- {name: trusted, mountPath: /trusted, readOnly: true}
{{- end }}
{{- end -}}
