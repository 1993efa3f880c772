// Package dist connects the processes of one training: who is who, how they start, how they
// agree before the first step, and how every one of them ends when one fails. It knows no
// tensors. Package torch/dist has the collectives.
//
//   - [FromEnvironment] reads what a launcher said: torchrun, Slurm, MPI, Kubeflow, or options.
//   - [Spawn] starts the processes of this node if no launcher did.
//   - [Join] meets the others over a [Store]. Processes with other options, data, weights or
//     another build are found here, before anything is written.
//   - A [Member] gives signs of life, watches those of the others, and names the rank, host and
//     step of a failure.
package dist
