{{/* Names, labels, images: what every object is called. */}}

{{- define "millrace.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "millrace.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "millrace.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "millrace.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a component: dict "root" $ "component" NAME. */}}
{{- define "millrace.selector" -}}
app.kubernetes.io/name: {{ include "millrace.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Labels that no version of the chart changes, for pods: dict "root" $ "component" NAME. */}}
{{- define "millrace.lastingLabels" -}}
{{ include "millrace.selector" . }}
app.kubernetes.io/part-of: millrace
{{- end -}}

{{/* All labels of an object: dict "root" $ "component" NAME. */}}
{{- define "millrace.labels" -}}
{{ include "millrace.lastingLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image as a pod names it: dict "root" $ "image" IMAGE; an image without a repository is images.core. */}}
{{- define "millrace.image" -}}
{{- $its := ternary .image .root.Values.images.core (not (empty (get (default dict .image) "repository"))) -}}
{{- $name := $its.repository -}}
{{- with .root.Values.images.registry }}{{ $name = printf "%s/%s" (trimSuffix "/" .) $name }}{{ end -}}
{{- printf "%s:%s" $name (default .root.Chart.AppVersion $its.tag) -}}
{{- with $its.digest }}{{ printf "@%s" . }}{{ end -}}
{{- end -}}

{{/* The name of a Secret, the chart's own or the user's: dict "root" $ "own" SUFFIX "existing" NAME. */}}
{{- define "millrace.secret" -}}
{{- default (printf "%s-%s" (include "millrace.fullname" .root) .own) .existing -}}
{{- end -}}
