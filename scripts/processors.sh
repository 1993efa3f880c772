#!/bin/sh
# Runs the numeric tests with the kernels of other processors. Environment variables select
# the kernels of OpenBLAS, libtorch and oneDNN, as far as this processor can run them.
# `processors.sh quick` runs a few packages in two settings, in seconds.
#
# A test fails if an error exceeds its bound. In the long run it also fails if an error
# exceeds half of its bound, because processors that are not simulated here round differently.
set -eu
GO=${GO:-go}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

quick="torch contrast nn/layers nn/backbone nn/heads optim eval features"
long="$quick nn methods train views profile eval/classify eval/protocol detect/box detect/rcnn checkpoint/weights examples/barlow examples/vit test/interop"
case ${1:-long} in
quick) packages=$quick share=1 ;;
*) packages=$long share=0.5 ;;
esac

flags=" $(sed -n 's/^flags[[:space:]]*: //p' /proc/cpuinfo 2>/dev/null | head -1) "
has() { # has FLAG...: succeeds if the processor has all of these flags
	for flag in "$@"; do
		case $flags in *" $flag "*) ;; *) return 1 ;; esac
	done
}
avx2="avx2 fma" avx512="avx512f avx512bw avx512dq avx512vl"

# If oneDNN is told not to use AVX-512, libtorch still asks the processor, and gives oneDNN
# convolutions in bfloat16, which it then refuses. On a processor without AVX-512 libtorch
# computes them in another way.
bfloat16='TestStridedPointwise/bfloat16|TestCheckpointEqualsPlain/bfloat16|TestMethods/queue_in_parts|^TestProgram$|^TestCasts$|^TestAutocast$'

for package in $packages; do
	$GO test -c -o "$tmp/$(echo "$package" | tr / -).test" "./$package"
done

failed=
# setting NAME NEEDS VARIABLES...: runs the tests with these variables if the processor has
# the flags in NEEDS
setting() {
	name=$1 needs=$2 skip='^$' said=
	shift 2
	# shellcheck disable=SC2086
	has $needs || { echo "$name: not run, because the processor lacks one of $needs"; return; }
	case " $* " in
	*MAX_CPU_ISA=SSE41* | *MAX_CPU_ISA=AVX2*)
		# shellcheck disable=SC2086
		if has $avx512; then skip=$bfloat16 said=", without convolutions in bfloat16, which oneDNN refuses here"; fi
		;;
	esac
	rm -f "$tmp/margins"
	start=$(date +%s) bad=
	for package in $packages; do
		(cd "$package" && env -u OPENBLAS_CORETYPE -u ATEN_CPU_CAPABILITY -u ONEDNN_MAX_CPU_ISA -u DNNL_MAX_CPU_ISA \
			"CONTRALENS_MARGINS=$tmp/margins" "$@" "$tmp/$(echo "$package" | tr / -).test" -test.timeout 20m -test.skip "$skip") \
			>"$tmp/log" 2>&1 || { cat "$tmp/log"; bad="$bad $package"; }
	done
	most=$(sort -rn "$tmp/margins" 2>/dev/null | head -1)
	if awk "BEGIN { exit !(${most%%	*} + 0 > $share) }"; then
		echo "$most: more than $share of the bound"
		bad="$bad margins"
	fi
	if [ -n "$bad" ]; then
		failed="$failed $name;"
		echo "$name ($*): FAILED:$bad"
	else
		echo "$name ($*): passed in $(($(date +%s) - start)) s$said${most:+; errors are at most ${most%%	*} of their bounds}"
	fi
}

case ${1:-long} in
quick)
	setting "no AVX" "pni sse4_1" OPENBLAS_CORETYPE=Prescott ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41
	setting "AVX-512" "$avx512" OPENBLAS_CORETYPE=SkylakeX ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=AVX512_CORE
	;;
*)
	setting "this processor" "" OMP_NUM_THREADS=1
	setting "this processor, two threads" "" OMP_NUM_THREADS=2
	setting "unknown to OpenBLAS" pni OPENBLAS_CORETYPE=Prescott
	setting "no AVX" "pni sse4_1" OPENBLAS_CORETYPE=Prescott ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41
	setting "Haswell" "$avx2" OPENBLAS_CORETYPE=Haswell ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2
	setting "Zen" "$avx2" OPENBLAS_CORETYPE=Zen ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 OMP_NUM_THREADS=2
	setting "Skylake" "$avx512" OPENBLAS_CORETYPE=SkylakeX ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=AVX512_CORE
	setting "Cooper Lake" "$avx512 avx512_bf16" OPENBLAS_CORETYPE=Cooperlake ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16
	;;
esac
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
