#!/bin/sh
# Redraws the pictures of README and docs from trainings of this version: `make figures`, or
# one of them with FIG=demo. Trainings are kept in RUNS (figures/) and not repeated. Those of
# CIFAR-10 need CIFAR_DIR, a folder with train/CLASS and test/CLASS.
set -eu
GO=${GO:-go}
cl=bin/contralens
runs=${RUNS:-figures}
mkdir -p "$runs"

# trained NAME OPTIONS...: trains unless it is done; an interrupted training resumes.
trained() {
	name=$1
	shift
	[ -e "$runs/$name.done" ] && return
	"$cl" contrast --data_folder "$CIFAR_DIR" --limit 10000 --arch resnet18 --width 0.25 --stem cifar --input_res 32 --blur_p 0 \
		-k 4096 --alpha 0.99 --batch_size 256 --weight_decay 5e-4 --seed 0 --save_score --knn_every 0 \
		--model_path "$runs" --name "$name" --resume auto "$@"
	touch "$runs/$name.done"
}

# page NAME RUNS AND OPTIONS...: the figure of all statistics
page() {
	name=$1
	shift
	"$cl" scores plot --only scores --format png -o "$runs/pictures" "$@" >/dev/null
	mv "$runs/pictures/scores.png" "docs/$name.png"
	echo "docs/$name.png"
}

cifar() {
	[ -n "${CIFAR_DIR:-}" ] && return
	echo "$1: not redrawn; CIFAR_DIR must name a folder with CIFAR-10 (train/CLASS, test/CLASS)"
	return 1
}

# demo trains with more time than make demo takes, so that the pictures show a healthy run.
demo() {
	if [ ! -e "$runs/demo.done" ]; then
		"$cl" demo --minutes "${DEMO_MINUTES:-8}" --out "$runs/demo" --serve=false
		touch "$runs/demo.done"
	fi
	page demo "$runs/demo/plain" "$runs/demo/ft" --label "MoCo v2" --label "MoCo v2 + FT" \
		--title "Scores while training on Fashion-MNIST"
}

# served DIR COMMAND...: runs a command while the page of DIR is served
served() {
	"$cl" serve "$1" --address 127.0.0.1:8499 >"$runs/serve.log" 2>&1 &
	server=$!
	trap 'kill $server 2>/dev/null' EXIT
	sleep 3
	shift
	"$@"
	kill $server
	wait $server || true # the next one needs its port
	trap - EXIT
}

# shot NAME HEIGHT ADDRESS OPTIONS...: a screenshot of the page that is served
shot() {
	name=$1 height=$2 address=$3
	shift 3
	"$GO" run ./scripts/screenshot -height "$height" -o "docs/$name.png" "$@" "http://127.0.0.1:8499/#$address"
	echo "docs/$name.png"
}

dashboard() {
	demo
	served "$runs/demo" dashboard_shots
}

dashboard_shots() {
	shot dashboard-overview 490 "/" -wait "tbody tr"
	shot dashboard-curves 1010 "/runs?tab=curves&run=plain&run=ft"
	shot dashboard-histograms 850 "/runs?tab=histograms&run=ft" -wait ".tabs:not([hidden])" -rest 5s
	shot dashboard-embedding 1180 "/runs?tab=embedding&run=plain" -wait ".tabs:not([hidden])" -rest 6s
}

# first_run shows a training that works, one that collapses, and neighbors before and after.
first_run() {
	clothes=$runs/clothes
	[ -d "$clothes/val" ] || "$GO" run ./scripts/unpack -train 5000 -test 1000 "$clothes"
	for name in works collapses untrained; do
		[ -e "$runs/first/$name/current.pth" ] && continue
		case $name in
		works) course="--learning_rate 0.06 --alpha 0.99 --epochs 50 --knn_every 5" ;;
		collapses) course="--learning_rate 0.06 --alpha 0 --epochs 12" ;;
		untrained) course="--learning_rate 1e-30 --epochs 1" ;;
		esac
		# shellcheck disable=SC2086
		"$cl" contrast --data_folder "$clothes" --method MoCov2 --arch resnet18 --width 0.125 --stem cifar --input_res 28 \
			--batch_size 128 -k 1024 --cosine --cosine_by step --crop 0.3 --precision fp32 --seed 0 \
			--model_path "$runs/first" --name "$name" --resume auto $course
	done
	served "$runs/first" first_run_shots
	for name in untrained works; do
		"$cl" features "$clothes/val" --ckpt "$runs/first/$name/current.pth" -o "$runs/first/$name.parquet"
		"$cl" neighbors "$clothes/val/bag/00030.png" --in "$runs/first/$name.parquet" -o "docs/first-run-neighbors-$name.png"
	done
}

first_run_shots() {
	shot first-run-curves 700 "/runs?tab=curves&run=works&run=collapses" -width 1000 -js '
		const charts = ["loss", "pos_mean", "neg_mean", "uniformity"].map((k) => document.querySelector(`[data-chart=${k}]`));
		const grid = document.createElement("div");
		grid.style = "display:grid;grid-template-columns:1fr 1fr;gap:14px;position:fixed;inset:0;padding:14px;z-index:99;background:white";
		grid.append(...charts);
		for (const e of grid.querySelectorAll(".how, .menu, details")) e.remove();
		document.querySelector(".curves").prepend(grid);
		dispatchEvent(new Event("resize"))'
}

# cifar10 trains on a fifth of the images, for twelve epochs: the course of the scores is that
# of the long trainings in docs/results.md.
cifar10() {
	cifar cifar10 || return 0
	trained cifar10 --method MoCov2 --learning_rate 0.06 --cosine --epochs 12
	trained cifar10-ft --method MoCov2 --learning_rate 0.06 --cosine --epochs 12 --ft posneg --mix_start_epoch 4
	page cifar10 "$runs/cifar10"
	page cifar10-ft "$runs/cifar10" "$runs/cifar10-ft" --label "MoCo v2" --label "MoCo v2 + FT"
}

mix_start_auto() {
	cifar mix-start-auto || return 0
	for name in plain ft-first ft-auto; do
		case $name in plain) ft="" ;; ft-first) ft="--ft posneg" ;; ft-auto) ft="--ft posneg --mix_start auto" ;; esac
		# shellcheck disable=SC2086
		trained $name --method MoCov2 --learning_rate 0.06 --lr_decay_epochs 1000 --epochs 8 $ft
	done
	page mix-start-auto "$runs/plain" "$runs/ft-first" "$runs/ft-auto" \
		--label "MoCo v2" --label "FT from the first step" --label "FT, --mix_start auto"
}

wo_norm() {
	cifar wo-norm || return 0
	trained wo-norm --method MoCo_wo_norm -t 1.7 --learning_rate 0.003 --lr_decay_epochs 1000 --bn_splits 8 --epochs 6
	page wo-norm "$runs/wo-norm"
}

# views shows PHOTO, a picture of yours.
views() {
	if [ -z "${PHOTO:-}" ]; then
		echo "views: not redrawn; PHOTO must name a picture"
		return
	fi
	"$cl" data show "$PHOTO" --aug B -n 8 -o docs/views.png
	echo docs/views.png
}

scale() {
	"$cl" plan --gpus 64 --images 1e9 --epochs 1 -o docs/scale.png >/dev/null
	echo docs/scale.png
}

for fig in ${FIG:-demo dashboard first-run cifar10 mix-start-auto wo-norm views scale}; do
	case $fig in
	demo | dashboard | cifar10 | views | scale) "$fig" ;;
	first-run) first_run ;;
	mix-start-auto) mix_start_auto ;;
	wo-norm) wo_norm ;;
	*)
		echo "FIG: want some of demo, dashboard, first-run, cifar10, mix-start-auto, wo-norm, views, scale, got $fig" >&2
		exit 2
		;;
	esac
done
