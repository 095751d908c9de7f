#!/usr/bin/env bash
# Fetches what building Recto with `--features cuda` needs of CUDA, for machines without a CUDA toolkit (a GPU is not
# needed either). It comes out of NVIDIA's Python packages (requirements.txt beside this script, 680 MB) by way of pip.
#
#     deploy/cuda/toolkit.sh && . ~/.cache/recto/cuda/env
#
# It goes to `cuda` in the cache folder: RECTO_CACHE, else $XDG_CACHE_HOME/recto, else ~/.cache/recto. The file `env` in
# there sets what the build asks for. Needs Python 3 with pip, unzip and gcc.
set -euo pipefail

cache=${RECTO_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/recto}
requirements=$(dirname "$(realpath "$0")")/requirements.txt
mkdir -p "$cache"
folder=$(realpath "$cache")/cuda
if [[ -e $folder/env ]] && cmp -s "$requirements" "$folder/requirements.txt"; then
    echo "the CUDA toolkit is in $folder"
    exit
fi

# The packages, unpacked. Unzipping drops the right to run programs.
rm -rf "$folder"
mkdir "$folder"
trap 'rm -rf "$folder/wheels"' EXIT
"${PYTHON:-python3}" -m pip download --disable-pip-version-check --quiet --no-deps --only-binary :all: --require-hashes \
    --requirement "$requirements" --dest "$folder/wheels"
for wheel in "$folder"/wheels/*.whl; do
    unzip -qo "$wheel" -d "$folder"
    rm "$wheel"
done
home=$folder/nvidia/cu13
chmod -R a+rx "$home/bin" "$home/nvvm/bin"

# The linker asks for names without a version, in a folder where cudarc's build script looks.
mkdir "$home/lib/stubs"
for library in cudart nvrtc curand cublas cublasLt; do
    (cd "$home/lib/stubs" && ln -s ../lib"$library".so.[0-9]* lib"$library".so)
done
# The driver's library comes with the driver. To link, one with the same names will do; it is not for running.
grep -ohE '\bcu[A-Z]\w*' "$home/include/cuda.h" | sort -u | sed 's/.*/void &(void) {}/' |
    gcc -shared -fPIC -Wl,-soname,libcuda.so.1 -x c -o "$home/lib/stubs/libcuda.so" -

cat >"$folder/env" <<END
export CUDA_HOME="$home"
export PATH="$home/bin:\$PATH"
export NVCC="$home/bin/nvcc"
# 90: H100 and H200. The programs built run on GPUs of this kind alone.
export CUDA_COMPUTE_CAP="\${CUDA_COMPUTE_CAP:-90}"
END
cp "$requirements" "$folder/requirements.txt"
echo "the CUDA toolkit is in $folder"
