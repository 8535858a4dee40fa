{{/*
Additions to the main container. The arguments are those of _sidecar.tpl.
*/}}

{{/*
A list for `env`. If your container sets PYTHONPATH, move its value to `main.pythonPath`.
*/}}
{{- define "lifesign.env" -}}
{{- $scope := include "lifesign.scope" . | fromYaml -}}
- name: LIFESIGN_DIR
  value: /lifesign/run
- name: PYTHONPATH
  value: {{ list (include "lifesign.agentPath" .) $scope.values.main.pythonPath | compact | join ":" | quote }}
{{- with $scope.values.settings }}
{{ include "lifesign.settings" . }}
{{- end }}
{{- end -}}

{{/* A list for `volumeMounts`. */}}
{{- define "lifesign.volumeMounts" -}}
- name: lifesign-agent
  mountPath: /lifesign/agent
  readOnly: true
- name: lifesign-run
  mountPath: /lifesign/run
{{- end -}}

{{/* startupProbe, livenessProbe and readinessProbe, as enabled. */}}
{{- define "lifesign.probes" -}}
{{- $scope := include "lifesign.scope" . | fromYaml -}}
{{- $probes := dict -}}
{{- if ne $scope.values.probes.by "none" -}}
{{- range $kind, $endpoint := dict "startup" "startupz" "liveness" "livez" "readiness" "readyz" -}}
{{- $wanted := index $scope.values.probes $kind -}}
{{- if $wanted.enabled -}}
{{- $probe := omit $wanted "enabled" -}}
{{- if eq $scope.values.probes.by "http" -}}
{{- $get := dict "path" (printf "/app/%s" $endpoint) "port" $scope.values.sidecar.healthPort -}}
{{- $probe = set $probe "httpGet" $get -}}
{{- else -}}
{{- $flag := dict "startup" "--startup" "liveness" "--live" "readiness" "--ready" -}}
{{- $command := list $scope.values.probes.python "-m" "lifesign.probe" (index $flag $kind) -}}
{{- $probe = set $probe "exec" (dict "command" $command) -}}
{{- end -}}
{{- $probes = set $probes (printf "%sProbe" $kind) $probe -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $probes -}}
{{- end -}}

{{/*
A `lifecycle`. The hook announces the stop to the sidecar before the main process gets SIGTERM. Without it a
process that has no SIGTERM handler is reported as dead.
*/}}
{{- define "lifesign.lifecycle" -}}
{{- $scope := include "lifesign.scope" . | fromYaml -}}
{{- if $scope.values.preStop -}}
preStop:
  exec:
    command: [{{ $scope.values.probes.python | quote }}, -m, lifesign.probe, --stopping]
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* The PYTHONPATH entry that `lifesign inject /lifesign/agent` prints. */}}
{{- define "lifesign.agentPath" -}}
/lifesign/agent/lifesign/agent/inject
{{- end -}}
