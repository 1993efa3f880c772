package dist

import (
	"strconv"
	"strings"
)

const torchrun = "torchrun"

// torchrun reads what torchrun, or Spawn, gives each process. With a store of torchrun's
// agents at this address, rank 0 must not serve one.
func (e *environment) torchrun(o Options) Launch {
	e.source = torchrun
	l := Launch{
		Source: torchrun, Rank: e.int("RANK"), Size: e.int("WORLD_SIZE"), LocalRank: e.int("LOCAL_RANK"),
		Host: e.get("MASTER_ADDR"), Agent: e.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
		Run: e.get("TORCHELASTIC_RUN_ID"), Restart: e.intOr("TORCHELASTIC_RESTART_COUNT", 0),
	}
	l.LocalSize = e.intOr("LOCAL_WORLD_SIZE", max(l.LocalRank+1, min(max(o.GPUs, 1), l.Size)))
	l.Node = e.intOr("GROUP_RANK", l.Rank/max(l.LocalSize, 1))
	l.Nodes = e.intOr("GROUP_WORLD_SIZE", (l.Size+l.LocalSize-1)/max(l.LocalSize, 1))
	if l.Size > 1 {
		if !e.has("MASTER_ADDR", "MASTER_PORT") {
			e.fail("want the address of rank 0 in MASTER_ADDR and MASTER_PORT beside RANK and WORLD_SIZE")
		}
		l.Port = e.port("MASTER_PORT")
	}
	return l
}

// pods reads what Kubeflow gives each pod: PyTorchJob counts pods in RANK, Trainer and the
// elastic PyTorchJob in PET_NODE_RANK, and a pod has PET_NPROC_PER_NODE processes. WORLD_SIZE is
// pods times processes, but only pods if the latter is "auto". JobSet sets what its manifest says.
func (e *environment) pods(source string, o Options) Launch {
	if source != "Kubeflow" && e.has("PET_NNODES") {
		source = "PyTorchJob"
	}
	e.source = source
	processes := processesPerPod(e.get("PET_NPROC_PER_NODE"), o.GPUs)
	l := Launch{Source: source, Run: e.get("PET_RDZV_ID"), LocalSize: processes}
	switch {
	case strings.Contains(e.get("PET_NNODES"), ":"):
		e.fail("PET_NNODES %s is an elastic job, which needs torchrun in the pod: torchrun --no_python contralens …",
			e.get("PET_NNODES"))
	case e.has("PET_NNODES"):
		l.Nodes = e.int("PET_NNODES")
	case e.has("WORLD_SIZE"):
		l.Nodes = e.int("WORLD_SIZE") / processes
	default:
		l.Nodes = 1
	}
	switch {
	case e.has("PET_NODE_RANK"):
		l.Node = e.int("PET_NODE_RANK")
	case e.has("RANK"):
		l.Node = e.int("RANK")
	case l.Nodes > 1:
		e.fail("want the number of this pod in PET_NODE_RANK")
	}
	l.Rank, l.Size = l.Node*processes, l.Nodes*processes
	if processes > 1 {
		l.Children = processes
	}
	l.Host = e.get("PET_MASTER_ADDR")
	if e.has("PET_MASTER_PORT") {
		l.Port = e.port("PET_MASTER_PORT")
	}
	if l.Nodes == 1 && l.Host == "" && !e.has("MASTER_ADDR") && e.err == nil {
		l.Host = "127.0.0.1"
		l.Port, e.err = freePort()
	}
	return l
}

// processesPerPod reads PET_NPROC_PER_NODE: a number, or auto, gpu or cpu as torchrun has them.
func processesPerPod(text string, gpus int) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	if text == "auto" || text == "gpu" {
		return max(gpus, 1)
	}
	return 1
}

// openMPI reads what Open MPI's mpirun gives each process. On one host the port follows from
// the job, which has the same name in all ranks.
func (e *environment) openMPI(Options) Launch {
	e.source = "Open MPI"
	l := Launch{
		Source: e.source, Rank: e.int("OMPI_COMM_WORLD_RANK"), Size: e.int("OMPI_COMM_WORLD_SIZE"),
		LocalRank: e.int("OMPI_COMM_WORLD_LOCAL_RANK"), LocalSize: e.int("OMPI_COMM_WORLD_LOCAL_SIZE"),
		Run: e.get("PMIX_NAMESPACE"),
	}
	l.Nodes = (l.Size + l.LocalSize - 1) / max(l.LocalSize, 1)
	l.Node = l.Rank / max(l.LocalSize, 1) // as mpirun deals ranks, unless told otherwise
	if l.LocalSize == l.Size {
		job := l.Run
		if job == "" {
			job = e.get("OMPI_MCA_ess_base_jobid") + parent()
		}
		l.Host, l.Port = "127.0.0.1", derivedPort(job)
	}
	return l
}

// mpich reads what Hydra, the launcher of MPICH and Intel MPI, gives each process. It names no
// job, but all ranks of a host have one parent.
func (e *environment) mpich(Options) Launch {
	e.source = "MPICH"
	l := Launch{
		Source: e.source, Rank: e.int("PMI_RANK"), Size: e.int("PMI_SIZE"),
		LocalRank: e.int("MPI_LOCALRANKID"), LocalSize: e.intOr("MPI_LOCALNRANKS", 1),
	}
	l.Nodes = (l.Size + l.LocalSize - 1) / max(l.LocalSize, 1)
	l.Node = l.Rank / max(l.LocalSize, 1)
	if l.LocalSize == l.Size {
		l.Host, l.Port = "127.0.0.1", derivedPort(parent())
	}
	return l
}

// slurm reads what srun gives each task. The tasks meet at the first node of the step, on a port
// that follows from the job and the step.
func (e *environment) slurm(Options) Launch {
	e.source = "Slurm"
	l := Launch{
		Source: e.source, Rank: e.int("SLURM_PROCID"), Size: e.int("SLURM_STEP_NUM_TASKS"),
		LocalRank: e.int("SLURM_LOCALID"), Node: e.int("SLURM_NODEID"),
		Run:     e.get("SLURM_JOB_ID") + "." + e.get("SLURM_STEP_ID"),
		Restart: e.intOr("SLURM_RESTART_COUNT", 0),
	}
	tasks, err := tasksPerNode(e.get("SLURM_STEP_TASKS_PER_NODE"))
	if err != nil {
		e.fail("SLURM_STEP_TASKS_PER_NODE: %v", err)
		return l
	}
	l.Nodes = len(tasks)
	if l.Node < 0 || l.Node >= len(tasks) {
		e.fail("want SLURM_NODEID from 0 to %d, got %d", len(tasks)-1, l.Node)
		return l
	}
	l.LocalSize = tasks[l.Node]
	hosts, err := Hosts(e.get("SLURM_STEP_NODELIST"))
	if err != nil {
		e.fail("SLURM_STEP_NODELIST: %v", err)
		return l
	}
	l.Host = hosts[0]
	job, step := e.int("SLURM_JOB_ID"), e.intOr("SLURM_STEP_ID", 0)
	l.Port = derivedPort(strconv.Itoa(job + 1000*step))
	return l
}

func (e *environment) port(name string) int {
	port, err := portNumber(e.get(name))
	if err != nil {
		e.fail("%s: %v", name, err)
	}
	return port
}
