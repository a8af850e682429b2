# bash completion for slsc; written by 'slsc help --generate'

# stdin: candidates, one a line
_slsc_reply()
{
	local word
	while IFS= read -r word; do
		[[ $word == "$cur"* ]] && COMPREPLY+=("$head$word")
	done
}

_slsc_words()
{
	_slsc_reply < <(printf '%s\n' "$@")
}

_slsc_names()
{
	_slsc_reply < <(command slsc ${dir:+-C "$dir"} _complete "$1" 2>/dev/null)
}

_slsc_files()
{
	local path
	compopt -o filenames 2>/dev/null
	while IFS= read -r path; do
		COMPREPLY+=("$path")
	done < <(compgen "$1" -- "$cur")
}

# the part after the last comma of a list
_slsc_list()
{
	[[ $cur == *,* ]] && head=${cur%,*}, && cur=${cur##*,}
	compopt -o nospace 2>/dev/null
}

_slsc()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local cmd='' dir='' head='' i
	COMPREPLY=()
	if [[ $cur == = ]]; then
		cur=''
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-C | --directory)
			[[ ${COMP_WORDS[i+1]} == = ]] && ((i++))
			dir=${COMP_WORDS[++i]} ;;
		--color)
			[[ ${COMP_WORDS[i+1]} == = ]] && ((i++))
			((i++)) ;;
		--progress)
			[[ ${COMP_WORDS[i+1]} == = ]] && ((i++))
			((i++)) ;;
		-* | =) ;;
		*)
			case $cmd in
			'') cmd=${COMP_WORDS[i]} ;;
			base | flow | chaos | scale | config | cache) cmd+=" ${COMP_WORDS[i]}" ;;
			esac ;;
		esac
	done
	case $cmd in
	'')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --version --dry-run --explain --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_words init doctor build package base push pull copy login logout deploy sbom sign verify-signature local invoke flow logs bench chaos warm tune scale compare check inspect diff config cache help completion version
		fi ;;
	'init')
		case $prev in
		-t|--template) _slsc_names templates; return ;;
		--name) return ;;
		--ci) _slsc_words github gitlab; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --template --name --force --ci --list --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_files -d
		fi ;;
	'doctor')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --no-fetch --launcher --json --directory --verbose --quiet --color --progress --help
		fi ;;
	'build')
		case $prev in
		-a|--arch) _slsc_list; _slsc_names arches; return ;;
		-p|--profile) _slsc_names profiles; return ;;
		-j|--jobs) return ;;
		--launcher) return ;;
		--shard) return ;;
		--since) return ;;
		-f|--file) _slsc_files -f; return ;;
		--target) return ;;
		-t|--tag) return ;;
		-o|--output) _slsc_files -f; return ;;
		--build-arg) return ;;
		--secret) return ;;
		--label) return ;;
		--base) return ;;
		--network) _slsc_words host none; return ;;
		--sandbox) _slsc_words bwrap oci; return ;;
		--compression) _slsc_words gzip zstd none; return ;;
		--level) _slsc_words fast default max; return ;;
		--cache-from) return ;;
		--cache-to) return ;;
		--print) _slsc_words plan graph; return ;;
		--until) return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		--key) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --arch --profile --jobs --launcher --shard --since --smoke --file --target --tag --output --build-arg --secret --label --base --network --sandbox --compression --level --squash --strip --no-cache --cache-from --cache-to --print --until --ca-file --cert --key --insecure --dry-run --explain --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_names functions
		fi ;;
	'package')
		case $prev in
		--level) _slsc_words fast default max; return ;;
		-a|--arch) _slsc_list; _slsc_names arches; return ;;
		-p|--profile) _slsc_names profiles; return ;;
		--shard) return ;;
		--since) return ;;
		-o|--output) _slsc_files -d; return ;;
		--compression) _slsc_words gzip zstd none; return ;;
		--base) _slsc_names bases; return ;;
		--sbom) _slsc_words none image attach; return ;;
		--provenance) _slsc_words none attach; return ;;
		--cache-from) return ;;
		--cache-to) return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		--key) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --zip --oci --oci-archive --docker-archive --workers --level --arch --profile --shard --since --output --no-build --compression --base --sbom --provenance --cache-from --cache-to --ca-file --cert --key --insecure --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_names functions
		fi ;;
	'base')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_words list build show update
		fi ;;
	'base list')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --json --directory --verbose --quiet --color --progress --help
		fi ;;
	'base build')
		case $prev in
		-a|--arch) _slsc_list; _slsc_names arches; return ;;
		-o|--output) _slsc_files -d; return ;;
		--compression) _slsc_words gzip zstd none; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --arch --output --compression --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_names bases
		fi ;;
	'base show')
		case $prev in
		-a|--arch) _slsc_list; _slsc_names arches; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --arch --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_names bases
		fi ;;
	'base update')
		case $prev in
		-a|--arch) _slsc_list; _slsc_names arches; return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		--key) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --arch --ca-file --cert --key --insecure --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_names bases
		fi ;;
	'push')
		case $prev in
		-a|--arch) _slsc_names arches; return ;;
		--image-refs) _slsc_files -f; return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		--key) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --arch --image-refs --attachments --ca-file --cert --key --insecure --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_names functions
		fi ;;
	'pull')
		case $prev in
		-a|--arch) _slsc_names arches; return ;;
		--image-refs) _slsc_files -f; return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		--key) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --arch --image-refs --attachments --ca-file --cert --key --insecure --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_files -f
		fi ;;
	'copy')
		case $prev in
		-a|--arch) _slsc_names arches; return ;;
		--image-refs) _slsc_files -f; return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		--key) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --arch --image-refs --attachments --ca-file --cert --key --insecure --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_files -f
		fi ;;
	'login')
		case $prev in
		-u|--username) return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		--key) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --username --password-stdin --ca-file --cert --key --insecure --dry-run --json --directory --verbose --quiet --color --progress --help
		fi ;;
	'logout')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --json --directory --verbose --quiet --color --progress --help
		fi ;;
	'deploy')
		case $prev in
		--platform) _slsc_words lambda; return ;;
		-a|--arch) _slsc_names arches; return ;;
		--image) return ;;
		--role) return ;;
		--alias) return ;;
		--weight) return ;;
		--s3) return ;;
		--smoke) _slsc_files -f; return ;;
		-p|--profile) _slsc_names profiles; return ;;
		--level) _slsc_words fast default max; return ;;
		--aws-profile) return ;;
		--region) return ;;
		--endpoint-url) return ;;
		--emit) _slsc_words sam terraform knative cloudrun openfaas kubernetes; return ;;
		-o|--output) _slsc_files -d; return ;;
		--repo) return ;;
		--secret) _slsc_list; return ;;
		--plain) _slsc_list; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --platform --arch --image --role --alias --weight --publish --url --s3 --smoke --no-smoke --profile --level --no-build --aws-profile --region --endpoint-url --emit --output --repo --secret --plain --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_names functions
		fi ;;
	'sbom')
		case $prev in
		-f|--format) _slsc_words spdx cyclonedx; return ;;
		-a|--arch) _slsc_names arches; return ;;
		-p|--profile) _slsc_names profiles; return ;;
		-o|--output) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --format --arch --profile --output --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_names functions
		fi ;;
	'sign')
		case $prev in
		-k|--key) _slsc_files -f; return ;;
		-A|--annotation) return ;;
		--reference) return ;;
		--generate-key) return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --key --recursive --annotation --reference --password-stdin --generate-key --ca-file --cert --insecure --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_files -d
		fi ;;
	'verify-signature')
		case $prev in
		-k|--key) _slsc_files -f; return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --key --attestation --ca-file --cert --insecure --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_files -d
		fi ;;
	'local')
		case $prev in
		-P|--port) return ;;
		--listen) return ;;
		-p|--profile) _slsc_names profiles; return ;;
		--name) return ;;
		--otlp) return ;;
		--otlp-header) return ;;
		--otlp-dir) _slsc_files -d; return ;;
		--log-file) _slsc_files -f; return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		--key) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --port --listen --profile --name --http --otlp --otlp-header --otlp-dir --log-file --ca-file --cert --key --insecure --directory --verbose --quiet --color --progress --help
		else
			_slsc_names functions
		fi ;;
	'invoke')
		case $prev in
		-e|--event) _slsc_files -f; return ;;
		--example) _slsc_names examples; return ;;
		--url) return ;;
		--qualifier) return ;;
		--aws-profile) return ;;
		--region) return ;;
		--endpoint-url) return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --event --example --list --async --stream --tail --url --remote --qualifier --aws-profile --region --endpoint-url --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_names functions
		fi ;;
	'flow')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_words validate run history graph test
		fi ;;
	'flow validate')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_files -f
		fi ;;
	'flow run')
		case $prev in
		-i|--input) _slsc_files -f; return ;;
		--name) return ;;
		--resume) return ;;
		--timeout) return ;;
		-p|--profile) _slsc_names profiles; return ;;
		--repeat) return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --input --name --resume --timeout --memory --profile --history --tail --repeat --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_files -f
		fi ;;
	'flow history')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --list --json --directory --verbose --quiet --color --progress --help
		fi ;;
	'flow graph')
		case $prev in
		--history) _slsc_files -f; return ;;
		-o|--output) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --svg --mermaid --history --output --directory --verbose --quiet --color --progress --help
		else
			_slsc_files -f
		fi ;;
	'flow test')
		case $prev in
		-t|--tests) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --tests --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_files -f
		fi ;;
	'logs')
		case $prev in
		--since) return ;;
		--filter) return ;;
		--aws-profile) return ;;
		--region) return ;;
		--endpoint-url) return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --remote --follow --since --filter --aws-profile --region --endpoint-url --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_names functions
		fi ;;
	'bench')
		case $prev in
		-e|--event) _slsc_files -f; return ;;
		--example) _slsc_names examples; return ;;
		--memory) return ;;
		-p|--profile) _slsc_names profiles; return ;;
		--cold) return ;;
		-r|--rate) return ;;
		-c|--concurrency) return ;;
		-d|--duration) return ;;
		--requests) return ;;
		--warmup) return ;;
		-f|--format) _slsc_words text json html; return ;;
		-o|--output) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --event --example --memory --profile --cold --rate --concurrency --duration --requests --warmup --format --output --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_names functions
		fi ;;
	'chaos')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_words run
		fi ;;
	'chaos run')
		case $prev in
		-p|--profile) _slsc_names profiles; return ;;
		--seed) return ;;
		-f|--format) _slsc_words text json html; return ;;
		-o|--output) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --profile --seed --format --output --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_files -f
		fi ;;
	'warm')
		case $prev in
		-t|--timeout) return ;;
		--ca-file) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --timeout --ca-file --insecure --json --directory --verbose --quiet --color --progress --help
		fi ;;
	'tune')
		case $prev in
		--memory) _slsc_list; return ;;
		--cpu) _slsc_list; return ;;
		--workers) _slsc_list; return ;;
		--retention) _slsc_list; return ;;
		-p|--profile) _slsc_list; _slsc_names profiles; return ;;
		--env) return ;;
		-D|--define) return ;;
		--preset) _slsc_words guide; return ;;
		-r|--rate) return ;;
		-d|--duration) return ;;
		--warmup) return ;;
		-e|--event) _slsc_files -f; return ;;
		--example) _slsc_names examples; return ;;
		--events) _slsc_files -f; return ;;
		--generator) return ;;
		--repeats) return ;;
		--cold) return ;;
		--seed) return ;;
		--strategy) _slsc_words cost speed balanced; return ;;
		--platform) return ;;
		--prices) _slsc_files -f; return ;;
		--claims) _slsc_files -f; return ;;
		-f|--format) _slsc_words text json csv html; return ;;
		-o|--output) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --memory --cpu --workers --retention --profile --env --define --preset --rate --duration --warmup --event --example --events --generator --repeats --cold --seed --full --strategy --platform --prices --claims --apply --format --output --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_names functions
		fi ;;
	'scale')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_words simulate train
		fi ;;
	'scale simulate')
		case $prev in
		-l|--load) _slsc_words step ramp diurnal burst; return ;;
		-r|--rate) return ;;
		--base) return ;;
		-d|--duration) return ;;
		--before) return ;;
		--period) return ;;
		-t|--trace) _slsc_files -f; return ;;
		--trace-format) _slsc_words auto counts times azure-2019 azure-2021; return ;;
		--only) return ;;
		--interval) return ;;
		--seed) return ;;
		-b|--bench) _slsc_files -f; return ;;
		--service) return ;;
		--cold) return ;;
		-m|--memory) return ;;
		-p|--policy) _slsc_list; _slsc_words fixed cpu forecast command; return ;;
		--forecaster) _slsc_list; _slsc_words last holt-winters ar lstm; return ;;
		--fixed) return ;;
		--min) return ;;
		--max) return ;;
		--queue) return ;;
		--target) return ;;
		--cpu-period) return ;;
		--cooldown) return ;;
		--horizon) return ;;
		--season) return ;;
		--model) _slsc_files -f; return ;;
		--command) return ;;
		--answer-within) return ;;
		--prices) _slsc_files -f; return ;;
		--platform) return ;;
		-a|--arch) _slsc_words x86_64 arm64; return ;;
		--goal) return ;;
		--claims) _slsc_files -f; return ;;
		-f|--format) _slsc_words text json csv html; return ;;
		-o|--output) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --load --rate --base --duration --before --period --trace --trace-format --only --interval --seed --bench --service --cold --memory --policy --forecaster --fixed --min --max --queue --target --cpu-period --cooldown --horizon --season --model --train --command --answer-within --prices --platform --arch --goal --claims --format --output --json --directory --verbose --quiet --color --progress --help
		fi ;;
	'scale train')
		case $prev in
		-l|--load) _slsc_words step ramp diurnal burst; return ;;
		-r|--rate) return ;;
		--base) return ;;
		-d|--duration) return ;;
		--before) return ;;
		--period) return ;;
		-t|--trace) _slsc_files -f; return ;;
		--trace-format) _slsc_words auto counts times azure-2019 azure-2021; return ;;
		--only) return ;;
		--interval) return ;;
		--seed) return ;;
		--steps) return ;;
		-o|--output) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --load --rate --base --duration --before --period --trace --trace-format --only --interval --seed --steps --output --dry-run --json --directory --verbose --quiet --color --progress --help
		fi ;;
	'compare')
		case $prev in
		-s|--strategies) _slsc_list; return ;;
		--preset) _slsc_words guide; return ;;
		--claims) _slsc_files -f; return ;;
		-a|--arch) _slsc_list; _slsc_names arches; return ;;
		-r|--reference) return ;;
		--runs) return ;;
		-e|--event) _slsc_files -f; return ;;
		--request) return ;;
		-f|--format) _slsc_words table json csv markdown html; return ;;
		-o|--output) _slsc_files -f; return ;;
		--baseline) _slsc_files -f; return ;;
		--base) return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		--key) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --strategies --preset --claims --list --arch --reference --runs --cold --event --request --format --output --check --baseline --update-baseline --base --ca-file --cert --key --insecure --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_names functions
		fi ;;
	'check')
		case $prev in
		--platform) _slsc_words lambda knative generic; return ;;
		--ignore) _slsc_list; _slsc_names rules; return ;;
		--level) _slsc_words fast default max; return ;;
		--compression) _slsc_words gzip zstd none; return ;;
		--base) _slsc_names bases; return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		--key) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --platform --ignore --list-rules --reproducible --fresh --level --compression --base --ca-file --cert --key --insecure --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_files -f
		fi ;;
	'inspect')
		case $prev in
		--top) return ;;
		-a|--arch) _slsc_names arches; return ;;
		--debug-file) _slsc_files -f; return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		--key) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --layers --files --sections --symbols --sources --waste --top --all --arch --debug-file --ca-file --cert --key --insecure --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_files -f
		fi ;;
	'diff')
		case $prev in
		--top) return ;;
		-a|--arch) _slsc_names arches; return ;;
		--ca-file) _slsc_files -f; return ;;
		--cert) _slsc_files -f; return ;;
		--key) _slsc_files -f; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --layers --files --sections --symbols --sources --waste --top --all --arch --ca-file --cert --key --insecure --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_files -f
		fi ;;
	'config')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_words check show schema
		fi ;;
	'config check')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --json --directory --verbose --quiet --color --progress --help
		fi ;;
	'config show')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --json --directory --verbose --quiet --color --progress --help
		fi ;;
	'config schema')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --directory --verbose --quiet --color --progress --help
		fi ;;
	'cache')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --dry-run --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_words info prune
		fi ;;
	'cache info')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --json --directory --verbose --quiet --color --progress --help
		fi ;;
	'cache prune')
		case $prev in
		--keep) return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --keep --dry-run --json --directory --verbose --quiet --color --progress --help
		fi ;;
	'help')
		case $prev in
		--generate) _slsc_files -d; return ;;
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --generate --json --directory --verbose --quiet --color --progress --help
		else
			_slsc_words init doctor build package base push pull copy login logout deploy sbom sign verify-signature local invoke flow logs bench chaos warm tune scale compare check inspect diff config cache help completion version
		fi ;;
	'completion')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --directory --verbose --quiet --color --progress --help
		else
			_slsc_words bash zsh fish
		fi ;;
	'version')
		case $prev in
		-C|--directory) _slsc_files -d; return ;;
		--color) _slsc_words auto always never; return ;;
		--progress) _slsc_words auto always never; return ;;
		esac
		if [[ $cur == -* ]]; then
			_slsc_words --json --directory --verbose --quiet --color --progress --help
		fi ;;
	esac
}

complete -F _slsc slsc
