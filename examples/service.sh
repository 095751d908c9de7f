#!/bin/sh
# Sends a document to `recto serve` with curl and prints its Markdown.
#
#     examples/service.sh http://127.0.0.1:8080 letter.pdf
set -eu
service=$1
document=$2

# The answer is the Markdown, or, if that takes longer than a minute, the job to look at.
exec curl --fail-with-body --silent --show-error \
    --header "Authorization: Bearer ${RECTO_API_KEY:-none}" \
    --header 'Prefer: wait=60' \
    --form "file=@$document" \
    "$service/v1/documents"
