#!/usr/bin/env bash
# Runs fuzz targets one after another: run.sh [TARGET…]. FUZZ_SECONDS is the time of each.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${FUZZ_SECONDS:-1800}
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || targets=(protocol image_headers mathpix job_message)

for target in "${targets[@]}"; do
    # Most memory that is taken at once, in MiB: a reply costs its parent less than 64; the decoder of TIFF may take 256 MB
    # for a directory.
    memory=64
    case $target in
        image_headers) dictionary=images memory=300 ;;
        mathpix) dictionary=mathpix ;;
        *) dictionary=json ;;
    esac
    # New inputs go to a folder of their own: what is committed is made small from it (README.md).
    mkdir -p "work/$target" "artifacts/$target"
    cargo +nightly fuzz run --fuzz-dir . "$target" "work/$target" "corpus/$target" -- \
        -dict="dictionaries/$dictionary.dict" -max_len=4096 -max_total_time="$seconds" -timeout=10 \
        -malloc_limit_mb=$memory -print_final_stats=1 -artifact_prefix="artifacts/$target/"
done
