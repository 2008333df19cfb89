{{/* The components that this release runs, as a JSON list: service accounts and network policies are made of it. */}}
{{- define "millrace.components" -}}
{{- $all := list "trainer" "api" "ask" -}}
{{- range .Values.useCases }}{{ if eq (default "topics" .source) "producer" }}{{ $all = append $all "producer" }}{{ end }}{{ end -}}
{{- if .Values.feed.enabled }}{{ $all = append $all "feed" }}{{ end -}}
{{- if .Values.dashboard.enabled }}{{ $all = append $all "dashboard" }}{{ end -}}
{{- if eq .Values.kafka.mode "bundled" }}{{ $all = append $all "kafka" }}{{ end -}}
{{- if .Values.kafka.exporter.enabled }}{{ $all = append $all "kafka-exporter" }}{{ end -}}
{{- if eq .Values.redis.mode "bundled" }}{{ $all = append $all "redis" }}{{ end -}}
{{- if eq .Values.s3.mode "bundled" }}{{ $all = append $all "s3" }}{{ end -}}
{{- if eq .Values.mlflow.mode "bundled" -}}
{{- $all = append $all "mlflow" -}}
{{- if eq .Values.postgres.mode "bundled" }}{{ $all = append $all "postgres" }}{{ end -}}
{{- end -}}
{{- if .Values.jobs.enabled -}}
{{- $all = append $all "topics" -}}
{{- if eq .Values.s3.mode "bundled" }}{{ $all = append $all "buckets" }}{{ end -}}
{{- end -}}
{{- if eq .Values.watching.mode "bundled" -}}
{{- $all = concat $all (list "prometheus" "alertmanager") -}}
{{- if .Values.watching.grafana.enabled }}{{ $all = append $all "grafana" }}{{ end -}}
{{- if .Values.watching.kubernetes.enabled }}{{ $all = append $all "kube-state-metrics" }}{{ end -}}
{{- end -}}
{{- $all | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/*
What of this release answers with metrics: the targets of files/scrape.yaml as a JSON list, each with `services`, the names of
the Services that lead to it (one a use case for trainers).
*/}}
{{- define "millrace.watched" -}}
{{- $here := include "millrace.components" . | fromJsonArray -}}
{{- $name := include "millrace.fullname" . -}}
{{- $all := list -}}
{{- range (.Files.Get "files/scrape.yaml" | fromYaml).targets -}}
{{- if and (has .component $here) (or (ne .component "redis") $.Values.redis.exporter.enabled) -}}
{{- $services := list (printf "%s-%s" $name .component) -}}
{{- if eq .component "trainer" -}}
{{- $services = list -}}
{{- range $.Values.useCases }}{{ $services = append $services (printf "%s-trainer-%s" $name .name) }}{{ end -}}
{{- end -}}
{{- $all = append $all (merge (dict "services" $services) .) -}}
{{- end -}}
{{- end -}}
{{- $all | toJson -}}
{{- end -}}

{{/* The port of a URL: the one it names, else its scheme's. */}}
{{- define "millrace.portOf" -}}
{{- $host := (urlParse .).host -}}
{{- if regexMatch ":[0-9]+$" $host }}{{ regexFind "[0-9]+$" $host }}{{ else if hasPrefix "https" . }}443{{ else }}80{{ end -}}
{{- end -}}

{{/* What is outside, as JSON: name to {cidr, ports} or a list of those. Kafka's operator runs its brokers in this namespace. */}}
{{- define "millrace.outside" -}}
{{- $out := dict -}}
{{- if eq .Values.kafka.mode "external" -}}
{{- $ports := list -}}
{{- range splitList "," .Values.kafka.external.bootstrapServers }}{{ $ports = append $ports (regexFind "[0-9]+$" (trim .)) }}{{ end -}}
{{- $_ := set $out "kafka" (dict "cidr" .Values.kafka.external.cidr "ports" (uniq $ports)) -}}
{{- end -}}
{{- if eq .Values.s3.mode "external" -}}
{{- $_ := set $out "s3" (dict "cidr" .Values.s3.external.cidr "ports" (list (include "millrace.portOf" .Values.s3.external.endpoint))) -}}
{{- end -}}
{{- if eq .Values.redis.mode "external" -}}
{{- $_ := set $out "redis" (dict "cidr" .Values.redis.external.cidr "ports" (list (.Values.redis.external.port | toString))) -}}
{{- end -}}
{{- if eq .Values.mlflow.mode "external" -}}
{{- $_ := set $out "mlflow" (dict "cidr" .Values.mlflow.external.cidr "ports" (list (include "millrace.portOf" .Values.mlflow.external.url))) -}}
{{- else if eq .Values.postgres.mode "external" -}}
{{- $_ := set $out "postgres" (dict "cidr" .Values.postgres.external.cidr "ports" (list (.Values.postgres.external.port | toString))) -}}
{{- end -}}
{{- if .Values.kafka.schemaRegistry.url -}}
{{- $_ := set $out "schema-registry" (dict "cidr" .Values.kafka.schemaRegistry.cidr "ports" (list (include "millrace.portOf" .Values.kafka.schemaRegistry.url))) -}}
{{- end -}}
{{- if eq .Values.watching.mode "bundled" -}}
{{- with .Values.watching.kubernetes -}}
{{- if .enabled -}}
{{- $_ := set $out "kubernetes" .apiServer -}}
{{- $_ := set $out "kubelet" (dict "cidr" .kubelet.cidr "ports" (list .kubelet.port)) -}}
{{- end -}}
{{- end -}}
{{- with .Values.watching.alertmanager.egress }}{{ $_ := set $out "receivers" . }}{{ end -}}
{{- end -}}
{{- $out | toJson -}}
{{- end -}}

{{/* One side of an arrow inside the cluster, as a peer: dict "root" $ "who" NAME. */}}
{{- define "millrace.peer" -}}
{{- if eq .who "ingress" -}}
- namespaceSelector:
    matchExpressions:
      - {key: kubernetes.io/metadata.name, operator: In, values: {{ .root.Values.networkPolicy.ingressNamespaces | toJson }}}
{{- else if eq .who "monitoring" -}}
- podSelector:
    matchLabels:
      {{- include "millrace.selector" (dict "root" .root "component" "prometheus") | nindent 6 }}
- namespaceSelector:
    matchExpressions:
      - {key: kubernetes.io/metadata.name, operator: In, values: {{ .root.Values.networkPolicy.monitoringNamespaces | toJson }}}
{{- else if and (eq .who "kafka") (eq .root.Values.kafka.mode "strimzi") -}}
- podSelector:
    matchLabels:
      strimzi.io/cluster: {{ include "millrace.fullname" .root }}
{{- else -}}
- podSelector:
    matchLabels:
      {{- include "millrace.selector" (dict "root" .root "component" .who) | nindent 6 }}
{{- end -}}
{{- end -}}
