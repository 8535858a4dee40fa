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
{{- $scope := include "lifesign.scope" . | fromYaml -}}
- name: lifesign-agent
  mountPath: /lifesign/agent
  readOnly: true
  {{- if $scope.values.injector.imageVolume }}
  subPath: opt/lifesign/agent
  {{- end }}
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
{{- /* While a pod starts it is asked every two seconds, and all pods of a node may start at once. */ -}}
{{- if or (eq $scope.values.probes.by "http") (and (eq $scope.values.probes.by "mixed") (eq $kind "startup")) -}}
{{- $get := dict "path" (printf "/app/%s" $endpoint) "port" $scope.values.sidecar.healthPort -}}
{{- $probe = set $probe "httpGet" $get -}}
{{- else -}}
{{- $flag := dict "startup" "--startup" "liveness" "--live" "readiness" "--ready" -}}
{{- /* -S: what a Python does at its start would be done every few seconds. */ -}}
{{- $port := $scope.values.sidecar.healthPort | toString -}}
{{- $command := list $scope.values.probes.python "-S" "/lifesign/agent/lifesign/ask.py" (index $flag $kind) $port -}}
{{- $probe = set $probe "exec" (dict "command" $command) -}}
{{- end -}}
{{- $probes = set $probes (printf "%sProbe" $kind) $probe -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $probes -}}
{{- end -}}

{{/*
A `lifecycle`. The hook announces the end of the container to the sidecar, before the main process gets SIGTERM.
Without it a process that does not handle SIGTERM is reported as dead.
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
