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

dashboard() {
	demo
	"$cl" serve "$runs/demo" --address 127.0.0.1:8499 >"$runs/serve.log" 2>&1 &
	server=$!
	trap 'kill $server 2>/dev/null' EXIT
	sleep 3
	at="http://127.0.0.1:8499/#"
	shot() { # shot NAME HEIGHT ADDRESS [WAIT]
		"$GO" run ./scripts/screenshot -height "$2" -wait "${4:-canvas}" -o "docs/dashboard-$1.png" "$at$3"
		echo "docs/dashboard-$1.png"
	}
	shot overview 490 "/" "tbody tr"
	shot curves 1010 "/runs?tab=curves&run=plain&run=ft"
	shot histograms 850 "/runs?tab=histograms&run=ft"
	shot embedding 880 "/runs?tab=embedding&run=plain"
	kill $server
	trap - EXIT
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

for fig in ${FIG:-demo dashboard cifar10 mix-start-auto wo-norm views}; do
	case $fig in
	demo | dashboard | cifar10 | views) "$fig" ;;
	mix-start-auto) mix_start_auto ;;
	wo-norm) wo_norm ;;
	*)
		echo "FIG: want some of demo, dashboard, cifar10, mix-start-auto, wo-norm, views, got $fig" >&2
		exit 2
		;;
	esac
done
