{{/*
What every template starts from, whether this chart is installed by itself or as a dependency.

In:  dict "root" $ ["values" overrides of this chart's values, for one workload]
Out: values, appVersion, release (the name that this chart's own objects begin with), namespace (where they are)
*/}}
{{- define "lifesign.scope" -}}
{{- $chart := index (.root.Subcharts | default dict) "lifesign" | default .root -}}
{{- $values := mergeOverwrite (deepCopy $chart.Values) (.values | default dict) -}}
values:
  {{- toYaml $values | nindent 2 }}
appVersion: {{ $chart.Chart.AppVersion | quote }}
release: {{ include "lifesign.name" .root }}
namespace: {{ .root.Release.Namespace }}
{{- end -}}

{{/* In: $. Out: the name prefix of this chart's own objects. */}}
{{- define "lifesign.name" -}}
{{- if contains "lifesign" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-lifesign" (.Release.Name | trunc 30 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{/* In: dict "root" $ "component" NAME ["additional" dict]. Out: labels. */}}
{{- define "lifesign.labels" -}}
{{- $labels := dict
  "app.kubernetes.io/name" "lifesign"
  "app.kubernetes.io/instance" .root.Release.Name
  "app.kubernetes.io/component" .component
  "app.kubernetes.io/version" .root.Chart.AppVersion
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version) -}}
{{- toYaml (merge (deepCopy (.additional | default dict)) $labels) -}}
{{- end -}}

{{/* In: dict "image" (repository, tag, digest) ["version" for an empty tag]. Out: the image's name. */}}
{{- define "lifesign.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .version }}
{{- end -}}
{{- end -}}

{{/* The security context of our containers: the restricted Pod Security Standard, and more. */}}
{{- define "lifesign.securityContext" -}}
runAsNonRoot: true
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/*
Settings as environment variables.

In:  the values' settings
Out: a list of variables
*/}}
{{- define "lifesign.settings" -}}
{{- $env := list -}}
{{- range $name, $value := . -}}
{{- $text := ternary (printf "%v" $value) (ternary "1" "0" (eq (printf "%v" $value) "true")) (not (kindIs "bool" $value)) -}}
{{- if kindIs "float64" $value -}}
{{- /* 5000000 is read as 5e+06 */ -}}
{{- $text = ternary (printf "%d" (int64 $value)) $text (eq $value (float64 (int64 $value))) -}}
{{- end -}}
{{- $env = append $env (dict "name" (printf "LIFESIGN_%s" (upper $name)) "value" $text) -}}
{{- end -}}
{{- toYaml $env -}}
{{- end -}}
