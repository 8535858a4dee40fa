{{/*
Conditions, variables and patches of the admission policy: what lifesign.watched does, in CEL. The additions to
a pod are rendered by the same templates; CONTAINER and SERVICE are placeholders for what only the pod knows.
*/}}
{{- define "lifesign.policy" -}}
{{- $in := dict "root" . "container" "CONTAINER" "service" "SERVICE" "owner" "OWNER" "grace" "GRACE" -}}
{{- $scope := include "lifesign.scope" $in | fromYaml -}}
{{- $env := list -}}
{{- range include "lifesign.env" $in | fromYamlArray -}}
{{- if ne .name "PYTHONPATH" -}}{{- $env = append $env . -}}{{- end -}}
{{- end -}}
matchConditions:
  - name: asked-for
    expression: >-
      has(object.metadata.annotations) && "lifesign/inject" in object.metadata.annotations
      && object.metadata.annotations["lifesign/inject"] == "true"
  - name: not-there-yet
    expression: >-
      !has(object.spec.volumes) || !object.spec.volumes.exists(v, v.name == "lifesign-run")
  - name: the-container-exists
    expression: >-
      !("lifesign/container" in object.metadata.annotations)
      || object.spec.containers.exists(c, c.name == object.metadata.annotations["lifesign/container"])
  # On the host network the health port could belong to another pod.
  - name: has-a-network-of-its-own
    expression: "!has(object.spec.hostNetwork) || !object.spec.hostNetwork"
  # A path from a reference is not known here and could not be kept.
  - name: its-python-path-is-plain
    expression: >-
      !object.spec.containers.exists(c, has(c.env) && c.env.exists(e, e.name == "PYTHONPATH" && has(e.valueFrom)))
  {{- if not $scope.values.sidecar.native }}
  # A Job does not complete beside a plain sidecar.
  - name: goes-on-for-ever
    expression: >-
      !has(object.spec.restartPolicy) || object.spec.restartPolicy == "Always"
  {{- end }}
variables:
  - name: container
    expression: >-
      "lifesign/container" in object.metadata.annotations
      ? object.metadata.annotations["lifesign/container"] : object.spec.containers[0].name
  - name: service
    expression: >-
      has(object.metadata.labels) && "app.kubernetes.io/name" in object.metadata.labels
      ? object.metadata.labels["app.kubernetes.io/name"] : variables.container
  # Of a Deployment its ReplicaSet knows the name: it puts the label's hash behind it.
  - name: owners
    expression: >-
      has(object.metadata.ownerReferences)
      ? object.metadata.ownerReferences.filter(o, has(o.controller) && o.controller).map(o, [o.kind, o.name]) : []
  - name: hash
    expression: >-
      has(object.metadata.labels) && "pod-template-hash" in object.metadata.labels
      ? "-" + object.metadata.labels["pod-template-hash"] : ""
  - name: owner
    expression: >-
      variables.owners.size() == 0 || !(variables.owners[0][0] in ["ReplicaSet", "StatefulSet", "DaemonSet", "Job"]) ? ""
      : ",k8s." + variables.owners[0][0].lowerAscii() + ".name=" + variables.owners[0][1]
      + (variables.owners[0][0] == "ReplicaSet" && variables.hash != "" && variables.owners[0][1].endsWith(variables.hash)
      ? ",k8s.deployment.name="
      + variables.owners[0][1].substring(0, variables.owners[0][1].size() - variables.hash.size()) : "")
  - name: version
    expression: >-
      has(object.metadata.labels) && "app.kubernetes.io/version" in object.metadata.labels
      ? ",service.version=" + object.metadata.labels["app.kubernetes.io/version"] : ""
  - name: grace
    expression: >-
      has(object.spec.terminationGracePeriodSeconds) ? string(object.spec.terminationGracePeriodSeconds) : "30"
  - name: at
    expression: object.spec.containers.map(c, c.name).indexOf(variables.container)
  - name: main
    expression: object.spec.containers[variables.at]
  - name: path
    expression: '"/spec/containers/" + string(variables.at)'
  - name: variables
    expression: "has(variables.main.env) ? variables.main.env.map(e, e.name) : []"
  - name: imagePath
    expression: >-
      "lifesign/python-path" in object.metadata.annotations
      ? ":" + object.metadata.annotations["lifesign/python-path"] : ""
mutations:
  {{- $patches := list }}
  {{- range include "lifesign.initContainers" $in | fromYamlArray | reverse }}
  {{- $patches = append $patches (dict "path" `"/spec/initContainers/0"` "value" .) }}
  {{- end }}
  {{- range include "lifesign.containers" $in | fromYamlArray }}
  {{- $patches = append $patches (dict "path" `"/spec/containers/-"` "value" .) }}
  {{- end }}
  {{- range include "lifesign.volumes" $in | fromYamlArray }}
  {{- $patches = append $patches (dict "path" `"/spec/volumes/-"` "value" .) }}
  {{- end }}
  {{- range include "lifesign.volumeMounts" $in | fromYamlArray }}
  {{- $patches = append $patches (dict "path" `variables.path + "/volumeMounts/-"` "value" .) }}
  {{- end }}
  {{- $evictable := include "lifesign.evictable" . }}
  {{- $has := printf `%q in object.metadata.annotations` $evictable }}
  {{- $path := printf `"/metadata/annotations/%s"` ($evictable | replace "/" "~1") }}
  {{- $patches = append $patches (dict "path" $path "value" (include "lifesign.evictableVolumes" .) "unless" $has) }}
  {{- if $scope.values.sidecar.shareProcessNamespace }}
  {{- $patches = append $patches (dict "path" `"/spec/shareProcessNamespace"` "value" true "unless" "has(object.spec.shareProcessNamespace)") }}
  {{- end }}
  {{- range $env }}
  {{- $patches = append $patches (dict "path" `variables.path + "/env/-"` "value" . "unless" (printf "%s in variables.variables" (toJson .name))) }}
  {{- end }}
  {{- range $name, $probe := include "lifesign.probes" $in | fromYaml }}
  {{- $patches = append $patches (dict "path" (printf `variables.path + "/%s"` $name) "value" $probe "unless" (printf "has(variables.main.%s)" $name)) }}
  {{- end }}
  {{- with include "lifesign.lifecycle" $in | fromYaml }}
  {{- $patches = append $patches (dict "path" `variables.path + "/lifecycle"` "value" . "unless" "has(variables.main.lifecycle)") }}
  {{- range $name, $hook := . }}
  {{- $patches = append $patches (dict "path" (printf `variables.path + "/lifecycle/%s"` $name) "value" $hook "unless" (printf "!has(variables.main.lifecycle) || has(variables.main.lifecycle.%s)" $name)) }}
  {{- end }}
  {{- end }}
  # One expression: the API server would drop a list that is still empty between two of them.
  - patchType: JSONPatch
    jsonPatch:
      expression: |-
        (has(object.spec.initContainers) ? [] : [JSONPatch{op: "add", path: "/spec/initContainers", value: []}])
        + (has(object.spec.volumes) ? [] : [JSONPatch{op: "add", path: "/spec/volumes", value: []}])
        + (has(variables.main.env) ? [] : [JSONPatch{op: "add", path: variables.path + "/env", value: []}])
        + (has(variables.main.volumeMounts) ? [] : [JSONPatch{op: "add", path: variables.path + "/volumeMounts", value: []}])
        {{- range $patches }}
        + {{ with .unless }}({{ . }} ? [] : {{ end }}[JSONPatch{op: "add", path: {{ .path }}, value: {{ include "lifesign.cel" .value }}}]{{ if .unless }}){{ end }}
        {{- end }}
        + ("PYTHONPATH" in variables.variables
          ? [JSONPatch{
              op: "replace",
              path: variables.path + "/env/" + string(variables.variables.indexOf("PYTHONPATH")) + "/value",
              value: "{{ include "lifesign.agentPath" . }}:"
                + variables.main.env[variables.variables.indexOf("PYTHONPATH")].value
            }]
          : [JSONPatch{
              op: "add",
              path: variables.path + "/env/-",
              value: {"name": "PYTHONPATH", "value": "{{ include "lifesign.agentPath" . }}" + variables.imagePath}
            }])
{{- end -}}

{{/* A value as a CEL literal. CEL wants the values of a map to be of one type: `dyn` hides which. */}}
{{- define "lifesign.cel" -}}
{{- if kindIs "map" . -}}
{{- $parts := list -}}
{{- range $key, $value := . -}}
{{- $parts = append $parts (printf "%s: dyn(%s)" (toJson $key) (include "lifesign.cel" $value)) -}}
{{- end -}}
{ {{- join ", " $parts -}} }
{{- else if kindIs "slice" . -}}
{{- $parts := list -}}
{{- range . -}}
{{- $parts = append $parts (printf "dyn(%s)" (include "lifesign.cel" .)) -}}
{{- end -}}
[{{- join ", " $parts -}}]
{{- else if eq (toString .) "CONTAINER" -}}
variables.container
{{- else if eq (toString .) "SERVICE" -}}
variables.service
{{- else if eq (toString .) "GRACE" -}}
variables.grace
{{- else if hasSuffix "OWNER" (toString .) -}}
{{ trimSuffix "OWNER" . | toJson }} + variables.owner + variables.version
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}
