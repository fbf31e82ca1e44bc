{{/* Every scalar goes through `quote` (texts), `int` (numbers) or `toJson`: a name like 4711 or on is a text. A test
     checks it. */}}

{{/* What the two services differ in; everything else of them is one template. */}}
{{- define "todo.services" -}}
backend:
  component: api
  containerPort: 8000
  path: /health
  type: ClusterIP
  port: 8000
frontend:
  component: web
  containerPort: 3000
  path: /
  type: {{ .Values.frontend.service.type | quote }}
  port: {{ .Values.frontend.service.port | int }}
{{- end }}

{{/* Labels of an object; (dict "root" $ "name" NAME "component" COMPONENT). */}}
{{- define "todo.labels" -}}
{{ include "todo.podLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | quote }}
{{- end }}

{{/* Labels of a pod: nothing that changes with the chart's version or with who deploys, so that neither replaces pods. */}}
{{- define "todo.podLabels" -}}
{{ include "todo.selector" . }}
app.kubernetes.io/component: {{ .component | quote }}
{{- end }}

{{/* What a selector asks for; it can never be changed. (dict "root" $ "name" NAME). */}}
{{- define "todo.selector" -}}
app.kubernetes.io/name: {{ .name | quote }}
app.kubernetes.io/part-of: {{ .root.Release.Name | quote }}
{{- end }}

{{/* repository:tag of a service; (dict "root" $ "name" NAME). */}}
{{- define "todo.image" -}}
{{- $image := index .root.Values.images .name -}}
{{ printf "%s:%s" $image.repository ($image.tag | default .root.Chart.AppVersion) }}
{{- end }}

{{- define "todo.configName" -}}
{{ .Release.Name }}-config
{{- end }}

{{- define "todo.secretName" -}}
{{ .Values.secret.existingSecret | default (printf "%s-secrets" .Release.Name) }}
{{- end }}

{{- define "todo.migrationId" -}}
{{- $tag := .Values.images.backend.tag | default .Chart.AppVersion -}}
{{ .Values.migrations.id | default ($tag | lower | replace "_" "-" | replace "." "-" | trunc 12 | trimSuffix "-") }}
{{- end }}

{{/* The pod's part of the `restricted` Pod Security Standard; no API token. (dict "root" $ "user" UID ["fsGroup" GID]). */}}
{{- define "todo.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ .name | quote }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user | int }}
  runAsGroup: {{ .user | int }}
  {{- with .fsGroup }}
  fsGroup: {{ . | int }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{/* The container's part of it. */}}
{{- define "todo.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* Where the database is. Its password is beside the URL (libpq takes PGPASSWORD), where it needs no quoting. */}}
{{- define "todo.databaseEnv" -}}
{{- if eq .Values.database.mode "bundled" -}}
- name: DATABASE_URL
  value: postgresql://todo@postgres:5432/todo
- name: PGPASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "todo.secretName" . | quote }}
      key: POSTGRES_PASSWORD
{{- else -}}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "todo.secretName" . | quote }}
      key: DATABASE_URL
- name: PGPASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "todo.secretName" . | quote }}
      key: DATABASE_PASSWORD
      optional: true
{{- end }}
{{- end }}

{{/* The way past a pooler, for what migrates and for what has to know whether there is one. */}}
{{- define "todo.directEnv" -}}
{{- if eq .Values.database.mode "external" }}
- name: MIGRATION_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "todo.secretName" . | quote }}
      key: MIGRATION_DATABASE_URL
      optional: true
{{- end }}
{{- end }}

{{/* The one writable folder. */}}
{{- define "todo.tmpMount" -}}
volumeMounts:
  - name: tmp
    mountPath: /tmp
{{- end }}

{{- define "todo.tmpVolume" -}}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
{{- end }}

{{/* What a network policy lets out: names, which are asked for at another address in every cluster. */}}
{{- define "todo.egressDns" -}}
- ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end }}

{{/* The database: the bundled one, or wherever the Secret's URL leads. */}}
{{- define "todo.egressDatabase" -}}
{{- if eq .Values.database.mode "bundled" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "todo.selector" (dict "root" . "name" "postgres") | nindent 10 }}
  ports:
    - port: 5432
      protocol: TCP
{{- else -}}
{{- include "todo.egressAnywhere" . }}
{{- end }}
{{- end }}

{{/* Anywhere but to link-local addresses, where clouds hand out credentials: no policy can name a host. */}}
{{- define "todo.egressAnywhere" -}}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [169.254.0.0/16]
    - ipBlock:
        cidr: ::/0
        except: [fe80::/10]
    - namespaceSelector: {}
  ports:
    - protocol: TCP
{{- end }}
