package dist

import (
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// variables reads "A=1 B=2".
func variables(text string) func(string) string {
	all := map[string]string{}
	for _, f := range strings.Fields(text) {
		name, value, _ := strings.Cut(f, "=")
		all[name] = value
	}
	return func(name string) string { return all[name] }
}

func given(change func(*Options)) Options {
	o := Options{Nodes: -1, Node: -1}
	if change != nil {
		change(&o)
	}
	return o
}

const (
	underTorchrun = "RANK=5 WORLD_SIZE=8 LOCAL_RANK=1 LOCAL_WORLD_SIZE=4 GROUP_RANK=1 GROUP_WORLD_SIZE=2 " +
		"MASTER_ADDR=node0 MASTER_PORT=29400 TORCHELASTIC_RUN_ID=7 TORCHELASTIC_RESTART_COUNT=3 "
	underSlurm = "SLURM_PROCID=9 SLURM_STEP_NUM_TASKS=11 SLURM_LOCALID=1 SLURM_NODEID=2 SLURM_JOB_ID=123456 SLURM_STEP_ID=0 " +
		"SLURM_STEP_TASKS_PER_NODE=4(x2),3 SLURM_STEP_NODELIST=gpu[01-02,07] SLURM_RESTART_COUNT=2 "
	underTrainer = "PET_NNODES=4 PET_NPROC_PER_NODE=8 PET_NODE_RANK=2 PET_MASTER_ADDR=moco-node-0-0.moco PET_MASTER_PORT=29500 "
	underPyTorch = "WORLD_SIZE=3 RANK=2 MASTER_ADDR=moco-master-0 MASTER_PORT=23456 PET_NNODES=3 PET_NODE_RANK=2 " +
		"PET_MASTER_ADDR=moco-master-0 PET_MASTER_PORT=23456 "
	underOpenMPI = "OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=2 " +
		"PMIX_NAMESPACE=1234000001 "
	underMPICH = "PMI_RANK=3 PMI_SIZE=4 MPI_LOCALRANKID=1 MPI_LOCALNRANKS=2 "
)

// Each launcher sets the variables that its own sources or a real run show.
func TestFromEnvironment(t *testing.T) {
	for _, tc := range []struct {
		name string
		env  string
		o    func(*Options)
		want Launch
	}{
		{"nothing", "", nil, alone()},
		{"seed's options without a GPU", "", func(o *Options) { o.Nodes, o.Node, o.Multiprocessing = 1, 0, true }, alone()},
		{"sbatch without srun", "SLURM_PROCID=0 SLURM_NTASKS=8 SLURM_STEP_NUM_TASKS=1", nil, alone()},
		{"srun --mpi=pmi2 has Slurm's numbers", underSlurm + "PMI_RANK=9 PMI_SIZE=11", nil,
			Launch{Source: "Slurm", Rank: 9, Size: 11, LocalRank: 1, LocalSize: 3, Node: 2, Nodes: 3, Host: "gpu01", Port: 18456, Run: "123456.0", Restart: 2}},
		{"torchrun", underTorchrun + underSlurm, nil,
			Launch{Source: "torchrun", Rank: 5, Size: 8, LocalRank: 1, LocalSize: 4, Node: 1, Nodes: 2, Host: "node0", Port: 29400, Run: "7", Restart: 3}},
		{"torchrun that keeps the store", underTorchrun + "TORCHELASTIC_USE_AGENT_STORE=True", nil,
			Launch{Source: "torchrun", Rank: 5, Size: 8, LocalRank: 1, LocalSize: 4, Node: 1, Nodes: 2, Host: "node0", Port: 29400, Agent: true, Run: "7", Restart: 3}},
		{"torchrun of one process", "RANK=0 WORLD_SIZE=1 LOCAL_RANK=0", nil, alone()},
		{"torchrun and the seed's options", underTorchrun, func(o *Options) { o.Multiprocessing, o.Nodes = true, 1 },
			Launch{Source: "torchrun", Rank: 5, Size: 8, LocalRank: 1, LocalSize: 4, Node: 1, Nodes: 2, Host: "node0", Port: 29400, Run: "7", Restart: 3,
				Notes: []string{"torchrun has started the processes, so multiprocessing-distributed starts none"}}},
		{"a process of ours", "CONTRALENS_SPAWNED=1 RANK=2 WORLD_SIZE=4 LOCAL_RANK=2 LOCAL_WORLD_SIZE=4 MASTER_ADDR=127.0.0.1 MASTER_PORT=999", func(o *Options) { o.Processes = 4 },
			Launch{Source: "contralens", Rank: 2, Size: 4, LocalRank: 2, LocalSize: 4, Nodes: 1, Host: "127.0.0.1", Port: 999}},
		{"Open MPI on one host", underOpenMPI, nil,
			Launch{Source: "Open MPI", Rank: 1, Size: 2, LocalRank: 1, LocalSize: 2, Nodes: 1, Host: "127.0.0.1", Port: 15001, Run: "1234000001"}},
		{"Open MPI on several", "OMPI_COMM_WORLD_RANK=5 OMPI_COMM_WORLD_SIZE=8 OMPI_COMM_WORLD_LOCAL_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=4", func(o *Options) { o.URL = "tcp://node0:1234" },
			Launch{Source: "Open MPI", Rank: 5, Size: 8, LocalRank: 1, LocalSize: 4, Node: 1, Nodes: 2, Host: "node0", Port: 1234}},
		{"Open MPI with -x MASTER_ADDR", "OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=0 OMPI_COMM_WORLD_LOCAL_SIZE=1 MASTER_ADDR=a MASTER_PORT=77", nil,
			Launch{Source: "Open MPI", Size: 2, LocalSize: 1, Nodes: 2, Host: "a", Port: 77}},
		{"MPICH", underMPICH, func(o *Options) { o.URL = "tcp://[::1]:1234" },
			Launch{Source: "MPICH", Rank: 3, Size: 4, LocalRank: 1, LocalSize: 2, Node: 1, Nodes: 2, Host: "::1", Port: 1234}},
		{"MPICH on one host", "PMI_RANK=1 PMI_SIZE=2 MPI_LOCALRANKID=1 MPI_LOCALNRANKS=2", nil,
			Launch{Source: "MPICH", Rank: 1, Size: 2, LocalRank: 1, LocalSize: 2, Nodes: 1, Host: "127.0.0.1", Port: 15000 + os.Getppid()%10000}},
		{"Slurm", underSlurm, nil,
			Launch{Source: "Slurm", Rank: 9, Size: 11, LocalRank: 1, LocalSize: 3, Node: 2, Nodes: 3, Host: "gpu01", Port: 18456, Run: "123456.0", Restart: 2}},
		{"Slurm's second step", strings.Replace(underSlurm, "STEP_ID=0", "STEP_ID=1", 1), nil,
			Launch{Source: "Slurm", Rank: 9, Size: 11, LocalRank: 1, LocalSize: 3, Node: 2, Nodes: 3, Host: "gpu01", Port: 19456, Run: "123456.1", Restart: 2}},
		{"Slurm with one task a node that starts others", "SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=2 SLURM_LOCALID=0 SLURM_NODEID=1 SLURM_JOB_ID=5 SLURM_STEP_TASKS_PER_NODE=1(x2) SLURM_STEP_NODELIST=a,b", func(o *Options) { o.Processes = 3 },
			Launch{Source: "Slurm", Rank: 3, Size: 6, LocalSize: 3, Node: 1, Nodes: 2, Host: "a", Port: 15005, Run: "5.", Children: 3}},
		{"Kubeflow Trainer", underTrainer, nil,
			Launch{Source: "Kubeflow", Rank: 16, Size: 32, LocalSize: 8, Node: 2, Nodes: 4, Host: "moco-node-0-0.moco", Port: 29500, Children: 8}},
		{"Kubeflow Trainer, as many as GPUs", strings.Replace(underTrainer, "NODE=8", "NODE=auto", 1), func(o *Options) { o.GPUs = 2 },
			Launch{Source: "Kubeflow", Rank: 4, Size: 8, LocalSize: 2, Node: 2, Nodes: 4, Host: "moco-node-0-0.moco", Port: 29500, Children: 2}},
		{"Kubeflow Trainer, one pod without a GPU", "PET_NNODES=1 PET_NPROC_PER_NODE=auto PET_NODE_RANK=0", nil, alone()},
		{"torchrun in a pod of Kubeflow Trainer", underTorchrun + underTrainer, nil,
			Launch{Source: "torchrun", Rank: 5, Size: 8, LocalRank: 1, LocalSize: 4, Node: 1, Nodes: 2, Host: "node0", Port: 29400, Run: "7", Restart: 3}},
		{"PyTorchJob", underPyTorch, nil,
			Launch{Source: "PyTorchJob", Rank: 2, Size: 3, LocalSize: 1, Node: 2, Nodes: 3, Host: "moco-master-0", Port: 23456}},
		{"PyTorchJob with 4 processes a pod", strings.Replace(underPyTorch, "SIZE=3", "SIZE=12", 1) + "PET_NPROC_PER_NODE=4", nil,
			Launch{Source: "PyTorchJob", Rank: 8, Size: 12, LocalSize: 4, Node: 2, Nodes: 3, Host: "moco-master-0", Port: 23456, Children: 4}},
		{"JobSet", "RANK=1 WORLD_SIZE=4 MASTER_ADDR=moco-node-0-0.moco MASTER_PORT=29500", nil,
			Launch{Source: "RANK and WORLD_SIZE", Rank: 1, Size: 4, LocalSize: 1, Node: 1, Nodes: 4, Host: "moco-node-0-0.moco", Port: 29500}},
		{"seed's options with GPUs", "", func(o *Options) {
			o.Nodes, o.Node, o.Multiprocessing, o.GPUs, o.URL = 1, 0, true, 8, "tcp://127.0.0.1:23456"
		}, Launch{Source: "options", Size: 8, LocalSize: 8, Nodes: 1, Host: "127.0.0.1", Port: 23456, Children: 8}},
		{"seed's options on two nodes", "", func(o *Options) {
			o.Nodes, o.Node, o.Multiprocessing, o.GPUs, o.URL = 2, 1, true, 8, "tcp://node0:23456"
		}, Launch{Source: "options", Rank: 8, Size: 16, LocalSize: 8, Node: 1, Nodes: 2, Host: "node0", Port: 23456, Children: 8}},
		{"two nodes of a process each", "", func(o *Options) { o.Nodes, o.Node, o.Processes, o.URL = 2, 1, 1, "tcp://node0:5" },
			Launch{Source: "options", Rank: 1, Size: 2, LocalSize: 1, Node: 1, Nodes: 2, Host: "node0", Port: 5}},
		{"env:// on two nodes", "MASTER_ADDR=node0 MASTER_PORT=6", func(o *Options) { o.Nodes, o.Node, o.URL = 2, 0, "env://" },
			Launch{Source: "options", Size: 2, LocalSize: 1, Nodes: 2, Host: "node0", Port: 6}},
	} {
		got, err := FromEnvironment(given(tc.o), variables(tc.env))
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", tc.name, err, got, tc.want)
		}
	}
}

// A node that starts its processes itself takes a port that is free.
func TestOwnPort(t *testing.T) {
	l, err := FromEnvironment(given(func(o *Options) { o.Processes = 2 }), variables(""))
	if err != nil || l.Children != 2 || l.Size != 2 || l.Host != "127.0.0.1" || l.Port == 0 || l.Alone() {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestFromEnvironmentErrors(t *testing.T) {
	for _, tc := range []struct {
		env  string
		o    func(*Options)
		want string
	}{
		{"RANK=x WORLD_SIZE=8 LOCAL_RANK=1", nil, `torchrun: want a whole number in RANK, got "x"`},
		{"RANK=8 WORLD_SIZE=8 LOCAL_RANK=1 MASTER_ADDR=a MASTER_PORT=1", nil, "torchrun: want a rank from 0 to 7, got 8"},
		{"RANK=1 WORLD_SIZE=2 LOCAL_RANK=2 LOCAL_WORLD_SIZE=2 MASTER_ADDR=a MASTER_PORT=1", nil, "torchrun: want a local rank from 0 to 1, got 2"},
		{"RANK=1 WORLD_SIZE=2 LOCAL_RANK=2 LOCAL_WORLD_SIZE=4 MASTER_ADDR=a MASTER_PORT=1", nil, "want at most 2 processes on this node"},
		{"RANK=0 WORLD_SIZE=2 LOCAL_RANK=0", nil, "torchrun: want the address of rank 0 in MASTER_ADDR and MASTER_PORT"},
		{"RANK=0 WORLD_SIZE=2 LOCAL_RANK=0 MASTER_ADDR=a MASTER_PORT=70000", nil, `torchrun: MASTER_PORT: want a port from 1 to 65535, got "70000"`},
		{underTorchrun, func(o *Options) { o.Processes = 8 }, "nproc: want 4, the number of processes that torchrun gives this node, or nothing, got 8"},
		{underTorchrun, func(o *Options) { o.URL = "tcp://b:1" }, "dist-url: want nothing, because torchrun says that processes meet at node0:29400, got tcp://b:1"},
		{"OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=0 OMPI_COMM_WORLD_LOCAL_SIZE=1 MASTER_ADDR=a MASTER_PORT=1",
			func(o *Options) { o.Processes, o.Nodes = 4, 3 }, "world-size: want 2, the number of nodes that Open MPI says, or nothing, got 3"},
		{underTorchrun, func(o *Options) { o.Nodes = 3 }, "world-size: want 2, the number of nodes that torchrun says, or nothing, got 3"},
		{underTorchrun, func(o *Options) { o.Nodes, o.Node = 2, 3 }, "rank: want 1, the number of this node that torchrun says, or nothing, got 3"},
		{"OMPI_COMM_WORLD_RANK=5 OMPI_COMM_WORLD_SIZE=8 OMPI_COMM_WORLD_LOCAL_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=4", nil,
			"dist-url: want tcp://host:port of rank 0's node, because Open MPI starts processes on several nodes and names no address"},
		{underMPICH, nil, "dist-url: want tcp://host:port of rank 0's node, because MPICH"},
		{underMPICH, func(o *Options) { o.URL = "node0:1234" }, `dist-url: want tcp://host:port with a port from 1 to 65535, or env://, got "node0:1234"`},
		{strings.Replace(underSlurm, "4(x2),3", "4(x2", 1), nil, `Slurm: SLURM_STEP_TASKS_PER_NODE: want numbers such as 4(x2),3, got "4(x2"`},
		{strings.Replace(underSlurm, "NODEID=2", "NODEID=3", 1), nil, "Slurm: want SLURM_NODEID from 0 to 2, got 3"},
		{strings.Replace(underSlurm, "gpu[01-02,07]", "gpu[01-02", 1), nil, `Slurm: SLURM_STEP_NODELIST: want a list such as gpu[01-04,07], got "gpu[01-02"`},
		{strings.Replace(underTrainer, "NNODES=4", "NNODES=2:4", 1), nil, "Kubeflow: PET_NNODES 2:4 is an elastic job, which needs torchrun in the pod"},
		{"PET_NNODES=2 PET_NPROC_PER_NODE=1 PET_MASTER_ADDR=a PET_MASTER_PORT=1", nil, "Kubeflow: want the number of this pod in PET_NODE_RANK"},
		{"PET_NNODES=2 PET_NODE_RANK=0", nil, "dist-url: want tcp://host:port of rank 0's node, because Kubeflow"},
		{"", func(o *Options) { o.Nodes, o.Node = 2, 2 }, "rank: want the number of this node, 0 to 1 (world-size is 2), got 2"},
		{"", func(o *Options) { o.Nodes = 2 }, "rank: want the number of this node, 0 to 1"},
		{"", func(o *Options) { o.Node = 1 }, "rank: want the number of this node, 0 to 0 (world-size is 1), got 1"},
		{"", func(o *Options) { o.Nodes, o.Node = 2, 0 }, "dist-url: want tcp://host:port of node 0, at which the processes of 2 nodes meet"},
		{"", func(o *Options) { o.Processes = -2 }, "nproc: want at least 1, got -2"},
		{"", func(o *Options) { o.Processes, o.URL = 2, "udp://a:1" }, `dist-url: want tcp://host:port`},
	} {
		l, err := FromEnvironment(given(tc.o), variables(tc.env))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %+v, %v, want %s", tc.env, l, err, tc.want)
		}
	}
}

func TestHosts(t *testing.T) {
	for list, want := range map[string]string{
		"gpu[01-03,07]":           "gpu01 gpu02 gpu03 gpu07",
		"login":                   "login",
		"a,b[1-2],c":              "a b1 b2 c",
		"gpu[08-11]":              "gpu08 gpu09 gpu10 gpu11",
		"r[1-2]n[01-02]":          "r1n01 r1n02 r2n01 r2n02",
		"gpu[1,3-4]-ib.cluster,x": "gpu1-ib.cluster gpu3-ib.cluster gpu4-ib.cluster x",
		"gpu[99-101]":             "gpu99 gpu100 gpu101",
	} {
		if got, err := Hosts(list); err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v, want %s", list, got, err, want)
		}
	}
	for _, list := range []string{"", "gpu[", "gpu[1-", "gpu[2-1]", "gpu[a]", "gpu1]", "gpu[]", "a,,b[1", "n[0-99999999]", "n[0-999][0-999]", "gpu[-1]"} {
		if got, err := Hosts(list); err == nil {
			t.Errorf("%s: %d hosts, want an error", list, len(got))
		}
	}
}

func TestLaunch(t *testing.T) {
	l := Launch{Source: "torchrun", Rank: 1, Size: 2, LocalRank: 1, LocalSize: 2, Nodes: 1, Host: "::1", Port: 80, Run: "a/b", Restart: 4}
	if got, want := l.String(), "torchrun: rank 1 of 2, 1 of 2 on node 0 of 1, which meet at [::1]:80"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := l.Prefix(); got != "contralens/a_b/4/" {
		t.Errorf("prefix %s", got)
	}
	if l.Serves() || l.World().Rank != 1 || l.World().Size != 2 {
		t.Errorf("%+v: serves %v, %v", l, l.Serves(), l.World())
	}
	if first := (Launch{Size: 2, Agent: true}); first.Serves() {
		t.Error("rank 0 serves a store beside that of torchrun's agent")
	}
	if a, b := derivedPort("123456789"), 15000+6789; a != b {
		t.Errorf("port %d, want %d", a, b)
	}
	if n, _ := strconv.Atoi(parent()); n != os.Getppid() {
		t.Errorf("parent %q", parent())
	}
}
