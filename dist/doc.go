// Package dist connects the processes of one training: who is who, how they start, how they
// agree before the first step, and how every one of them ends when one fails. It knows no
// tensors. Package torch/dist has the collectives.
//
//   - [FromEnvironment] reads what a launcher said: torchrun, Slurm, MPI, Kubeflow, or options.
//   - A [Store] is the table that all processes share.
package dist
