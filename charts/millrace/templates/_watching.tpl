{{/* What watches the release, told of it: rules, scrape targets, data sources. */}}

{{/* The rules, each with the address of its page. */}}
{{- define "millrace.rules" -}}
{{- $rules := .Files.Get "files/alerts.yaml" -}}
{{- with .Values.watching.runbooks }}{{ $rules = replace "runbook_url: docs/runbooks/" (printf "runbook_url: %s/" (trimSuffix "/" .)) $rules }}{{ end -}}
{{- $rules -}}
{{- end -}}

{{/* The components whose pods Prometheus finds by name, with their ports, as a JSON object of lists. */}}
{{- define "millrace.each" -}}
{{- $ports := dict -}}
{{- range include "millrace.watched" . | fromJsonArray -}}
{{- $_ := set $ports .component (append (default list (get $ports .component)) .port | uniq) -}}
{{- end -}}
{{- if .Values.watching.kubernetes.enabled }}{{ $_ := set $ports "kube-state-metrics" (list 8080) }}{{ end -}}
{{- $ports | toJson -}}
{{- end -}}

{{/* All pods of a component as Prometheus finds them, one target each: dict "root" $ "component" NAME "port" NUMBER. */}}
{{- define "millrace.found" -}}
dns_sd_configs:
  - names: ["{{ include "millrace.fullname" .root }}-all-{{ .component }}.{{ .root.Release.Namespace }}.svc"]
    type: A
    port: {{ .port }}
    refresh_interval: {{ .root.Values.watching.interval }}
{{- end -}}

{{- define "millrace.prometheusConfig" -}}
{{- $name := include "millrace.fullname" . -}}
global:
  scrape_interval: {{ .Values.watching.interval }}
  evaluation_interval: {{ .Values.watching.interval }}
rule_files: [/etc/prometheus/alerts.yaml]
alerting:
  alertmanagers:
    - static_configs: [{targets: ["{{ $name }}-alertmanager:9093"]}]
scrape_configs:
  - job_name: prometheus
    static_configs: [{targets: ["localhost:9090"]}]
  - job_name: alertmanager
    static_configs: [{targets: ["{{ $name }}-alertmanager:9093"]}]
  {{- range include "millrace.watched" . | fromJsonArray }}
  - job_name: {{ .job }}
    metrics_path: {{ .path }}
    {{- include "millrace.found" (dict "root" $ "component" .component "port" .port) | nindent 4 }}
    relabel_configs: [{target_label: namespace, replacement: {{ $.Release.Namespace }}}]
  {{- end }}
  {{- if .Values.watching.kubernetes.enabled }}
  - job_name: kube-state-metrics
    honor_labels: true  # namespace and pod are those it speaks of
    {{- include "millrace.found" (dict "root" $ "component" "kube-state-metrics" "port" 8080) | nindent 4 }}
  {{- range $job, $its := dict
      "kubelet" (dict "path" "/metrics" "keep" "kubelet_volume_stats_(available|capacity)_bytes")
      "cadvisor" (dict "path" "/metrics/cadvisor" "keep" "container_(cpu_usage_seconds_total|memory_working_set_bytes|network_(receive|transmit)_bytes_total)") }}
  - job_name: {{ $job }}
    scheme: https
    metrics_path: {{ $its.path }}
    kubernetes_sd_configs: [{role: node}]
    authorization: {credentials_file: /var/run/secrets/kubernetes.io/serviceaccount/token}
    tls_config:
      ca_file: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
      insecure_skip_verify: {{ not $.Values.watching.kubernetes.verifyKubelet }}
    relabel_configs: [{source_labels: [__meta_kubernetes_node_name], target_label: node}]
    metric_relabel_configs:
      - {source_labels: [__name__], regex: "{{ $its.keep }}", action: keep}
      - {source_labels: [namespace], regex: {{ $.Release.Namespace }}, action: keep}
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "millrace.alertmanagerConfig" -}}
{{- if .Values.watching.alertmanager.config -}}
{{ toYaml .Values.watching.alertmanager.config }}
{{- else -}}
route:
  receiver: nobody
  group_by: [alertname, use_case]
receivers:
  - name: nobody
{{- end -}}
{{- end -}}

{{/* The receivers that a route and those below it name, as a JSON list. */}}
{{- define "millrace.receiversOf" -}}
{{- $all := list -}}
{{- with .receiver }}{{ $all = append $all . }}{{ end -}}
{{- range .routes }}{{ $all = concat $all (include "millrace.receiversOf" . | fromJsonArray) }}{{ end -}}
{{- $all | toJson -}}
{{- end -}}

{{/* Four fifths of a volume, as Prometheus writes sizes: the rest is for the log that it writes ahead. */}}
{{- define "millrace.fourFifths" -}}
{{- $mebibytes := dict "Ki" 0.0009765625 "Mi" 1 "Gi" 1024 "Ti" 1048576 -}}
{{- mulf 0.8 (regexFind "^[0-9]+" . | float64) (get $mebibytes (regexFind "[A-Za-z]+$" .)) | floor | int64 -}}MB
{{- end -}}

{{/* Where Grafana is for a browser. */}}
{{- define "millrace.grafanaUrl" -}}
{{- if .Values.watching.grafana.expose -}}
{{ ternary "https" "http" .Values.ingress.tls.enabled }}://{{ .Values.ingress.grafanaHost }}
{{- else -}}
http://localhost:3001
{{- end -}}
{{- end -}}

{{/* A token of Kubernetes for one pod, renewed each hour, where clients look for it. Accounts mount none by themselves. */}}
{{- define "millrace.tokenVolume" -}}
- name: token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3600}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end -}}

{{- define "millrace.tokenMount" -}}
- {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end -}}
