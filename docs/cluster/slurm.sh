#!/bin/bash
# sbatch docs/cluster/slurm.sh s3://raw s3://set     (from the checkout, which all nodes see, with its .venv)
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
set -eu
bucket=$1
dataset=$2
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
ray=$PWD/.venv/bin/ray

srun --nodes=1 --ntasks=1 --overlap -w "$head" "$ray" start --head --port=6379 --block &
for _ in $(seq 60); do
    "$ray" status --address "$head:6379" > /dev/null 2>&1 && break
    sleep 2
done
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
    srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) --overlap --exclude="$head" \
        "$ray" start --address="$head:6379" --block &
fi
sleep 20
# Ends with the command's exit code; Slurm ends the nodes' Ray with the job.
./just curate "$bucket" --out "$dataset" --set "engine.ray_address=$head:6379"
