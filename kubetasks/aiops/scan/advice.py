"""What to write instead, for the rules of hadolint that come up most (https://github.com/hadolint/hadolint/wiki)."""

from collections.abc import Mapping
from typing import Final

ADVICE: Final[Mapping[str, str]] = {
    "DL1000": "correct the line: the file is not a valid Dockerfile",
    "DL3000": "give WORKDIR an absolute path: WORKDIR /app",
    "DL3002": "end with a user that is not root: USER 10001:10001",
    "DL3003": "replace `cd` in RUN by WORKDIR",
    "DL3004": "remove sudo; become another user with USER",
    "DL3006": "pin the base: FROM image:version, better with its digest: FROM image:version@sha256:…",
    "DL3007": "replace :latest by a version: FROM image:1.2.3",
    "DL3008": "pin versions: apt-get install package=1.2.*",
    "DL3009": "end the same RUN with: && rm -rf /var/lib/apt/lists/*",
    "DL3013": "pin versions: pip install package==1.2.3, or --require-hashes -r requirements.txt",
    "DL3015": "write apt-get install --no-install-recommends",
    "DL3016": "pin versions: npm install package@1.2.3, or npm ci",
    "DL3018": "pin versions: apk add package=1.2.3-r0",
    "DL3019": "write apk add --no-cache",
    "DL3020": "replace ADD by COPY",
    "DL3022": "name the stage that COPY --from reads: FROM … AS name",
    "DL3025": 'write CMD and ENTRYPOINT as a list: CMD ["python", "-m", "app"]; a shell does not pass signals on',
    "DL3027": "replace apt by apt-get",
    "DL3042": "write pip install --no-cache-dir, or mount a cache: RUN --mount=type=cache,target=/root/.cache/pip …",
    "DL3045": "set WORKDIR before COPY to a relative path",
    "DL3059": "join RUN instructions that follow each other with &&",
    "DL3060": "end the same RUN with: && yarn cache clean",
    "DL4000": "replace MAINTAINER by LABEL org.opencontainers.image.authors",
    "DL4006": 'before a RUN with a pipe: SHELL ["/bin/bash", "-o", "pipefail", "-c"]',
    "SC2086": 'put quotation marks around the variable: "$NAME"',
}
