#!/bin/sh
# MoCo v2 with and without the feature transformation on Fashion-MNIST. It takes minutes and
# shows how the method works, not the gains of the paper.
set -eu

out=demo
cl=bin/contralens
images=${DEMO_IMAGES:-25000}
epochs=${DEMO_EPOCHS:-6}
# The transformation starts after two epochs: from the first step it can make the features
# collapse.
onset=$(((images + 63) / 64 * 2))

train() { # train NAME FLAGS...
	name=$1
	shift
	$cl contrast --method MoCov2_tau0.1 --dataset fashion-mnist --limit "$images" \
		--arch resnet18 --width 0.25 --stem cifar --input_res 28 --blur_p 0 --crop_min 0.5 \
		--batch_size 64 -k 4096 --alpha 0.99 --learning_rate 0.06 --cosine --weight_decay 5e-4 --epochs "$epochs" \
		--save_score --knn_every "$epochs" --seed 0 --print_freq 50 --model_path $out --name "$name" --overwrite "$@"
}
accuracy() { # accuracy NAME EPOCH
	grep "\"epoch\":$2," "$out/$1/metrics.jsonl" | grep -o '"knn":[0-9.]*' | tail -1 | cut -d: -f2
}

mkdir -p $out
echo "== 1 of 2: MoCo v2 (τ = 0.1)"
train plain
echo
echo "== 2 of 2: MoCo v2 + feature transformation, from step $((onset + 1))"
train ft --ft posneg --mix_start_step "$onset"
echo
$cl scores plot $out/plain $out/ft --label "MoCo v2" --label "MoCo v2 + FT" \
	--title "Scores while training on Fashion-MNIST" -o $out/figures >/dev/null

echo
echo "k-NN accuracy on the 10,000 test images (200 neighbors among the $images training images)"
echo
printf '  %-36s %6s %%\n' "untrained network" "$(accuracy plain 0)" \
	"MoCo v2, $epochs epochs" "$(accuracy plain "$epochs")" \
	"MoCo v2 + FT, $epochs epochs" "$(accuracy ft "$epochs")"
cat <<END

Pictures:     $out/figures/scores.png (and .svg): both runs' score distributions over training
Weights:      $out/plain/current.pth, $out/ft/current.pth (PyTorch reads them)
Every step:   $out/*/metrics.jsonl, $out/*/scores/*.npy

What this shows: features learned without labels, and the effect of the transformation on
the scores: it makes positives harder and negatives more diverse. What it does not show: the
gains of the paper, which need hundreds of epochs on ImageNet. In minutes of training on
small gray images, the plain method is better about as often.

Next: look at both runs in the browser, then train on your own photos, with or without
class folders:
  $cl serve $out
  $cl contrast --config own-folder --data_folder YOUR/PHOTOS --serve
  $cl contrast --help
END
