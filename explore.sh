. /tmp/env.sh; cd /tmp/wx/src; export PYTHONPATH=/tmp/wx/src
B="--config.task.name=autoencoder --config.task.data=/tmp/wx/weather.npz --config.task.loss=squared_error --config.task.numbers=8 --config.train.regime=examples --config.train.batch=64"
run() { n=$1; shift; taskset -c 1 python -m freqjax.main --workdir /tmp/wx/$n $B "$@" > /tmp/wx/$n.log 2>&1; python - <<E2
import json; s=json.load(open('/tmp/wx/$n/summary.json')); print('$n', s['test']['mse'], s['validation']['mse'], s['train']['mse'], s['test']['cosine'], s['validation']['cosine'], s['wall_seconds'], s['updates'], flush=True)
E2
}
run curves64 --config.task.encoder=nearest --config.task.decoder=curves --config.task.nodes=64 --config.task.code_noise=0.05 --config.task.code_noise_first=0.5 --config.task.annealing=600 --config.optimizer.learning_rate=0.03 --config.optimizer.schedule=cosine --config.train.epochs=100 --config.train.divergence_factor=none
run parallel --config.task.encoder=both --config.task.decoder=parallel --config.network.hidden_size=32 --config.train.epochs=60 --config.optimizer.schedule=cosine
run recurrent --config.task.encoder=both --config.task.decoder=recurrent --config.network.hidden_size=64 --config.train.epochs=100 --config.optimizer.learning_rate=0.003 --config.optimizer.schedule=cosine
