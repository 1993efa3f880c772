#!/bin/sh
# Installs the package that lies in /tmp, tries it, and removes it again. check-long runs this
# in a bare Debian.
set -eu
export DEBIAN_FRONTEND=noninteractive HOME=/root
apt-get update -qq
apt-get install -y -qq -o Dpkg::Use-Pty=0 /tmp/contralens_*.deb >/dev/null
cd /tmp
contralens version
contralens doctor
contralens contrast --dataset fashion-mnist --limit 256 --arch resnet18 --width 0.0625 --stem cifar --input_res 28 \
	--batch_size 32 -k 256 --epochs 2 --save_score --name tried
contralens knn --ckpt save/tried/current.pth --dataset fashion-mnist --limit 256
contralens scores plot save/tried -o figures
ls figures | wc -l
apt-get purge -y -qq -o Dpkg::Use-Pty=0 contralens >/dev/null
left=$(find / -xdev -path /proc -prune -o -path /tmp -prune -o -name '*contralens*' -print)
[ -z "$left" ] || { echo "left behind: $left"; exit 1; }
echo "removed without a trace"
