#!/usr/bin/env bash
# Convert the samples and show what came of them: demo.sh BINARY OUT
set -euo pipefail
binary=$1 out=$2 here=$(dirname "$0")

"$binary" convert "$here"/*.pdf "$here"/*.png "$here"/*.jpg -o "$out" --html

# The same by the other engine: GOT, with the small model that comes with Recto.
"$binary" convert "$here"/report.pdf --engine got -o "$out/got" --html

echo
echo "Markdown is in $out, one file a document; open the .html beside it to compare with the page images:"
for markdown in "$out"/*.md "$out"/got/*.md; do
    printf '  %-32s %5d words\n' "$markdown" "$(wc -w <"$markdown")"
done
echo
echo "$out/report.md begins:"
head -n 24 "$out/report.md" | cut -c1-110 | sed 's/^/  | /'
echo
echo "A whole fleet on this machine, with broker, store, ledger and two workers: make demo-fleet"
