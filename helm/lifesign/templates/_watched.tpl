{{/*
A complete workload with a sidecar: applies all of the other templates.

  {{ include "lifesign.watched" (dict "root" $ "container" "shop" "workload" (include "shop.deployment" $)) }}

In:  the arguments of _sidecar.tpl, and
       workload   the manifest of a Deployment, StatefulSet, DaemonSet, Job, CronJob or Pod, as text
Out: the manifest. Whatever the container sets itself, such as probes or a preStop hook, is kept.
*/}}
{{- define "lifesign.watched" -}}
{{- $in := . -}}
{{- $workload := .workload | fromYaml -}}
{{- if hasKey $workload "Error" -}}
{{- fail (printf "lifesign.watched: the workload is not one YAML document: %s" $workload.Error) -}}
{{- end -}}
{{- $kind := $workload.kind -}}
{{- $template := $workload -}}
{{- if eq $kind "CronJob" -}}
{{- $template = $workload.spec.jobTemplate.spec.template -}}
{{- else if has $kind (list "Deployment" "StatefulSet" "DaemonSet" "Job") -}}
{{- $template = $workload.spec.template -}}
{{- else if not (eq $kind "Pod") -}}
{{- fail (printf "lifesign.watched: unsupported kind %s: use a Deployment, StatefulSet, DaemonSet, Job, CronJob or Pod" $kind) -}}
{{- end -}}
{{- $pod := $template.spec -}}
{{- $in = merge (dict "grace" ($pod.terminationGracePeriodSeconds | default 30 | toString)) $in -}}
{{- $scope := include "lifesign.scope" . | fromYaml -}}
{{- if and (has $kind (list "Job" "CronJob")) (not $scope.values.sidecar.native) -}}
{{- fail (printf "lifesign.watched: a %s does not complete beside a plain sidecar: sidecar.native must be true" $kind) -}}
{{- end -}}
{{- if not (eq $kind "Pod") -}}
{{- $owner := dict (printf "k8s.%s.name" (lower $kind)) $workload.metadata.name -}}
{{- $in = merge (dict "attributes" (merge (deepCopy (.attributes | default dict)) $owner)) $in -}}
{{- end -}}
{{- $found := false -}}
{{- $containers := list -}}
{{- range $pod.containers -}}
{{- if eq .name $in.container -}}
{{- $found = true -}}
{{- $containers = append $containers (include "lifesign.watchedContainer" (merge (dict "workload" .) $in) | fromYaml) -}}
{{- else -}}
{{- $containers = append $containers . -}}
{{- end -}}
{{- end -}}
{{- if not $found -}}
{{- fail (printf "lifesign.watched: %s %s has no container %s" $kind $workload.metadata.name .container) -}}
{{- end -}}
{{- $_ := set $pod "containers" (concat $containers (include "lifesign.containers" $in | fromYamlArray)) -}}
{{- $_ := set $pod "initContainers" (concat (include "lifesign.initContainers" $in | fromYamlArray) ($pod.initContainers | default list)) -}}
{{- $_ := set $pod "volumes" (concat ($pod.volumes | default list) (include "lifesign.volumes" $in | fromYamlArray)) -}}
{{- if and $scope.values.sidecar.shareProcessNamespace (not (hasKey $pod "shareProcessNamespace")) -}}
{{- $_ := set $pod "shareProcessNamespace" true -}}
{{- end -}}
{{- $metadata := $template.metadata | default dict -}}
{{- $annotations := $metadata.annotations | default dict -}}
{{- $key := include "lifesign.evictable" $in -}}
{{- $volumes := prepend (compact (list (get $annotations $key))) (include "lifesign.evictableVolumes" $in) -}}
{{- $_ := set $metadata "annotations" (merge (dict $key (join "," $volumes)) $annotations) -}}
{{- $_ := set $template "metadata" $metadata -}}
{{- toYaml $workload -}}
{{- end -}}

{{/* The main container. In: as above, with the container as a dict in `workload`. */}}
{{- define "lifesign.watchedContainer" -}}
{{- $container := .workload -}}
{{- $in := . -}}
{{- $env := list -}}
{{- range $container.env -}}
{{- if eq .name "PYTHONPATH" -}}
{{- if hasKey . "valueFrom" -}}
{{- fail (printf "lifesign.watched: PYTHONPATH of container %s has a valueFrom: use a plain value" $container.name) -}}
{{- end -}}
{{- $in = merge (dict "values" (mergeOverwrite (deepCopy ($in.values | default dict)) (dict "main" (dict "pythonPath" .value)))) $in -}}
{{- else -}}
{{- $env = append $env . -}}
{{- end -}}
{{- end -}}
{{- /* Ours first: variables that the container sets come later and take precedence. */ -}}
{{- $names := list -}}
{{- range $env -}}{{- $names = append $names .name -}}{{- end -}}
{{- $ours := list -}}
{{- range include "lifesign.env" $in | fromYamlArray -}}
{{- if not (has .name $names) -}}{{- $ours = append $ours . -}}{{- end -}}
{{- end -}}
{{- $_ := set $container "env" (concat $ours $env) -}}
{{- $mounts := include "lifesign.volumeMounts" $in | fromYamlArray -}}
{{- $_ := set $container "volumeMounts" (concat ($container.volumeMounts | default list) $mounts) -}}
{{- range $name, $probe := include "lifesign.probes" $in | fromYaml -}}
{{- if not (hasKey $container $name) -}}{{- $_ := set $container $name $probe -}}{{- end -}}
{{- end -}}
{{- $lifecycle := merge ($container.lifecycle | default dict) (include "lifesign.lifecycle" $in | fromYaml) -}}
{{- if $lifecycle -}}{{- $_ := set $container "lifecycle" $lifecycle -}}{{- end -}}
{{- toYaml $container -}}
{{- end -}}
