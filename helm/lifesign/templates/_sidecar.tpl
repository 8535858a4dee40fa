{{/*
Our containers, and the volumes that they share with the main container.

Arguments of all templates:
  dict "root" $ "container" NAME [and what follows]
    container   the name of the main container
    service     the service name, unless the main process sets one; defaults to that of the container
    attributes  further OTEL_RESOURCE_ATTRIBUTES, as a dict
    grace       terminationGracePeriodSeconds of the pod, unless settings.termination_grace says it
    values      overrides of this chart's values, for this workload
*/}}

{{/* A list for `initContainers`: put it before your own. */}}
{{- define "lifesign.initContainers" -}}
{{- $scope := include "lifesign.scope" . | fromYaml -}}
{{- $containers := list -}}
{{- $cluster := .root.Capabilities.KubeVersion.Version -}}
{{- if not $scope.values.injector.imageVolume -}}
{{- $containers = append $containers (include "lifesign.injector" . | fromYaml) -}}
{{- else if semverCompare "<1.33.0-0" $cluster -}}
{{- fail (printf "Kubernetes %s cannot mount a folder of an image, 1.36 can: set injector.imageVolume to false" $cluster) -}}
{{- end -}}
{{- if $scope.values.sidecar.native -}}
{{- if semverCompare "<1.29.0-0" $cluster -}}
{{- /* It would wait for the sidecar to end, like for any init container. */ -}}
{{- fail (printf "Kubernetes %s has no native sidecars, 1.29 has: set sidecar.native to false" $cluster) -}}
{{- end -}}
{{- $sidecar := include "lifesign.sidecar" . | fromYaml -}}
{{- $containers = append $containers (set $sidecar "restartPolicy" "Always") -}}
{{- end -}}
{{- toYaml $containers -}}
{{- end -}}

{{/* A list for `containers`: empty if the sidecar is native. */}}
{{- define "lifesign.containers" -}}
{{- $scope := include "lifesign.scope" . | fromYaml -}}
{{- $containers := list -}}
{{- if not $scope.values.sidecar.native -}}
{{- $containers = append $containers (include "lifesign.sidecar" . | fromYaml) -}}
{{- end -}}
{{- toYaml $containers -}}
{{- end -}}

{{/* A list for `volumes`. */}}
{{- define "lifesign.volumes" -}}
{{- $scope := include "lifesign.scope" . | fromYaml -}}
- name: lifesign-agent
  {{- if $scope.values.injector.imageVolume }}
  image:
    reference: {{ include "lifesign.image" (dict "image" $scope.values.image "version" $scope.appVersion) }}
    pullPolicy: {{ $scope.values.image.pullPolicy }}
  {{- else }}
  emptyDir:
    sizeLimit: 16Mi
  {{- end }}
# In memory: a write to a page that is being flushed to disk would stall the event loop.
- name: lifesign-run
  emptyDir:
    medium: Memory
    sizeLimit: {{ $scope.values.runDirectory.sizeLimit }}
- name: lifesign-spool
  emptyDir:
    sizeLimit: {{ $scope.values.spool.sizeLimit }}
{{- end -}}

{{/*
An annotation of pods, and its value: for these volumes the cluster autoscaler need not keep a node, which it does for every
other emptyDir on a disk.
*/}}
{{- define "lifesign.evictable" -}}
cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes
{{- end -}}
{{- define "lifesign.evictableVolumes" -}}
lifesign-agent,lifesign-run,lifesign-spool
{{- end -}}

{{/* The init container that copies the agent. */}}
{{- define "lifesign.injector" -}}
{{- $scope := include "lifesign.scope" . | fromYaml -}}
name: lifesign-inject
image: {{ include "lifesign.image" (dict "image" $scope.values.image "version" $scope.appVersion) }}
imagePullPolicy: {{ $scope.values.image.pullPolicy }}
args: [inject, /lifesign/agent]
securityContext:
  {{- include "lifesign.securityContext" $scope.values.sidecar.runAsUser | nindent 2 }}
resources:
  {{- toYaml $scope.values.injector.resources | nindent 2 }}
volumeMounts:
  - name: lifesign-agent
    mountPath: /lifesign/agent
{{- end -}}

{{/*
The sidecar. It has no startup and no readiness probe: neither the start nor the traffic of the service must
depend on it. Its liveness probe has patience with a node on which all pods start at once.
*/}}
{{- define "lifesign.sidecar" -}}
{{- $scope := include "lifesign.scope" . | fromYaml -}}
{{- $values := $scope.values -}}
name: lifesign
image: {{ include "lifesign.image" (dict "image" $values.image "version" $scope.appVersion) }}
imagePullPolicy: {{ $values.image.pullPolicy }}
args: [watch]
env:
  - name: K8S_NAMESPACE_NAME
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}
  - name: K8S_POD_NAME
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}
  - name: K8S_POD_UID
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.uid}}
  - name: K8S_NODE_NAME
    valueFrom: {fieldRef: {apiVersion: v1, fieldPath: spec.nodeName}}
  - name: K8S_CONTAINER_NAME
    value: {{ .container | quote }}
  # Defaults: the main process may set these itself.
  - name: OTEL_SERVICE_NAME
    value: {{ .service | default .container | quote }}
  - name: OTEL_RESOURCE_ATTRIBUTES
    value: {{ include "lifesign.attributes" . | quote }}
  - name: OTEL_EXPORTER_OTLP_ENDPOINT
    value: {{ include "lifesign.endpoint" $scope | quote }}
  - name: OTEL_EXPORTER_OTLP_PROTOCOL
    value: {{ $values.otlp.protocol | quote }}
  - name: LIFESIGN_DIR
    value: /lifesign/run
  - name: LIFESIGN_SPOOL_DIR
    value: /lifesign/spool
  - name: LIFESIGN_HEALTH_ADDR
    value: {{ printf "0.0.0.0:%d" (int $values.sidecar.healthPort) | quote }}
  {{- if not $values.sidecar.native }}
  - name: LIFESIGN_SIGTERM_DELAY
    value: {{ $values.sidecar.sigtermDelay | quote }}
  {{- end }}
  {{- if and .grace (not $values.settings.termination_grace) }}
  - name: LIFESIGN_TERMINATION_GRACE
    value: {{ .grace | quote }}
  {{- end }}
  {{- with concat (include "lifesign.settings" $values.settings | fromYamlArray) $values.sidecar.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - name: lifesign-health
    containerPort: {{ int $values.sidecar.healthPort }}
livenessProbe:
  httpGet:
    path: /livez
    port: {{ int $values.sidecar.healthPort }}
  initialDelaySeconds: 60
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 3
securityContext:
  {{- include "lifesign.securityContext" $values.sidecar.runAsUser | nindent 2 }}
resources:
  {{- toYaml $values.sidecar.resources | nindent 2 }}
volumeMounts:
  - name: lifesign-run
    mountPath: /lifesign/run
  - name: lifesign-spool
    mountPath: /lifesign/spool
{{- end -}}

{{/* The OTLP endpoint. In: the scope. */}}
{{- define "lifesign.endpoint" -}}
{{- if .values.otlp.endpoint -}}
{{- .values.otlp.endpoint -}}
{{- else if .values.collector.enabled -}}
{{- /* Pods of other namespaces get a sidecar, too. */ -}}
{{- printf "http://%s-collector.%s:%s" .release .namespace (ternary "4317" "4318" (eq .values.otlp.protocol "grpc")) -}}
{{- else -}}
{{- fail "otlp.endpoint is not set: say where your Collector is, such as http://collector.observability:4318, or set collector.enabled" -}}
{{- end -}}
{{- end -}}

{{- define "lifesign.attributes" -}}
{{- $own := list
  "k8s.namespace.name=$(K8S_NAMESPACE_NAME)"
  "k8s.pod.name=$(K8S_POD_NAME)"
  "k8s.pod.uid=$(K8S_POD_UID)"
  "k8s.node.name=$(K8S_NODE_NAME)"
  "k8s.container.name=$(K8S_CONTAINER_NAME)" -}}
{{- range $name, $value := .attributes -}}
{{- $own = append $own (printf "%s=%s" $name ($value | toString | replace "%" "%25" | replace "," "%2C")) -}}
{{- end -}}
{{- join "," $own -}}{{- .owner | default "" -}}
{{- end -}}
