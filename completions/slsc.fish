# fish completion for slsc; written by 'slsc help --generate'

# the command and what follows it, without options before it or the values of those that all commands have
function __slsc_path
    set -l words (commandline -opc)
    set -l skip 1
    for word in $words
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case -C --directory --color --progress
                set skip 1
            case '-*'
            case '*'
                echo -- $word
        end
    end
end

# exactly this command so far
function __slsc_is
    set -l path (__slsc_path)
    test "$path" = "$argv"
end

# this command, with whatever after it
function __slsc_in
    set -l path (__slsc_path)
    test "$path[1.."(count $argv)"]" = "$argv"
end

function __slsc_names
    set -l words (commandline -opc)
    set -l dir
    if set -l i (contains -i -- -C $words)
        set dir -C $words[(math $i + 1)]
    end
    command slsc $dir _complete $argv[1] 2>/dev/null
end

complete -c slsc -f
complete -c slsc -s C -l directory -x -a '(__fish_complete_directories)' -d 'run as if started in DIR'
complete -c slsc -s v -l verbose -d 'say more; twice for even more'
complete -c slsc -s q -l quiet -d 'only results, warnings and errors'
complete -c slsc -l color -x -a 'auto always never' -d 'colour in messages'
complete -c slsc -l progress -x -a 'auto always never' -d 'progress of long work'
complete -c slsc -s h -l help -d 'show this help'
complete -c slsc -n '__slsc_is' -l version -d 'print the version, as \'slsc version\' does'
complete -c slsc -n '__slsc_is' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_is' -l explain -d 'say why, for each decision'
complete -c slsc -n '__slsc_is' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_is' -a init -d 'Create a project from a template'
complete -c slsc -n '__slsc_is help' -a init -d 'Create a project from a template'
complete -c slsc -n '__slsc_is' -a doctor -d 'Say which toolchains work here, and what the others need'
complete -c slsc -n '__slsc_is help' -a doctor -d 'Say which toolchains work here, and what the others need'
complete -c slsc -n '__slsc_is' -a build -d 'Compile functions, or build the image of a Dockerfile'
complete -c slsc -n '__slsc_is help' -a build -d 'Compile functions, or build the image of a Dockerfile'
complete -c slsc -n '__slsc_is' -a package -d 'Make zips, images and Workers of functions'
complete -c slsc -n '__slsc_is help' -a package -d 'Make zips, images and Workers of functions'
complete -c slsc -n '__slsc_is' -a base -d 'Make image bases from Debian packages'
complete -c slsc -n '__slsc_is help' -a base -d 'Make image bases from Debian packages'
complete -c slsc -n '__slsc_is' -a push -d 'Send an image to a registry'
complete -c slsc -n '__slsc_is help' -a push -d 'Send an image to a registry'
complete -c slsc -n '__slsc_is' -a pull -d 'Fetch an image from a registry'
complete -c slsc -n '__slsc_is help' -a pull -d 'Fetch an image from a registry'
complete -c slsc -n '__slsc_is' -a copy -d 'Copy an image between registries, layouts and archives'
complete -c slsc -n '__slsc_is help' -a copy -d 'Copy an image between registries, layouts and archives'
complete -c slsc -n '__slsc_is' -a login -d 'Keep a user\'s name and password for a registry'
complete -c slsc -n '__slsc_is help' -a login -d 'Keep a user\'s name and password for a registry'
complete -c slsc -n '__slsc_is' -a logout -d 'Forget the login for a registry'
complete -c slsc -n '__slsc_is help' -a logout -d 'Forget the login for a registry'
complete -c slsc -n '__slsc_is' -a deploy -d 'Bring functions to AWS Lambda, or write the files that others deploy by'
complete -c slsc -n '__slsc_is help' -a deploy -d 'Bring functions to AWS Lambda, or write the files that others deploy by'
complete -c slsc -n '__slsc_is' -a sbom -d 'List what is in a function\'s binary'
complete -c slsc -n '__slsc_is help' -a sbom -d 'List what is in a function\'s binary'
complete -c slsc -n '__slsc_is' -a sign -d 'Sign an image with a key pair, as cosign does'
complete -c slsc -n '__slsc_is help' -a sign -d 'Sign an image with a key pair, as cosign does'
complete -c slsc -n '__slsc_is' -a verify-signature -d 'Check who signed an image'
complete -c slsc -n '__slsc_is help' -a verify-signature -d 'Check who signed an image'
complete -c slsc -n '__slsc_is' -a local -d 'Serve functions on this machine as the platform would'
complete -c slsc -n '__slsc_is help' -a local -d 'Serve functions on this machine as the platform would'
complete -c slsc -n '__slsc_is' -a invoke -d 'Call a function: on the local platform, by itself, or where it is deployed'
complete -c slsc -n '__slsc_is help' -a invoke -d 'Call a function: on the local platform, by itself, or where it is deployed'
complete -c slsc -n '__slsc_is' -a flow -d 'Functions composed into state machines'
complete -c slsc -n '__slsc_is help' -a flow -d 'Functions composed into state machines'
complete -c slsc -n '__slsc_is' -a logs -d 'Show what a deployed function has logged'
complete -c slsc -n '__slsc_is help' -a logs -d 'Show what a deployed function has logged'
complete -c slsc -n '__slsc_is' -a bench -d 'Measure a function: cold starts, and latency under load'
complete -c slsc -n '__slsc_is help' -a bench -d 'Measure a function: cold starts, and latency under load'
complete -c slsc -n '__slsc_is' -a chaos -d 'Put faults in, and see whether what has to hold does'
complete -c slsc -n '__slsc_is help' -a chaos -d 'Put faults in, and see whether what has to hold does'
complete -c slsc -n '__slsc_is' -a warm -d 'Probe functions until they are warm'
complete -c slsc -n '__slsc_is help' -a warm -d 'Probe functions until they are warm'
complete -c slsc -n '__slsc_is' -a tune -d 'Find the settings of a function: latency against cost'
complete -c slsc -n '__slsc_is help' -a tune -d 'Find the settings of a function: latency against cost'
complete -c slsc -n '__slsc_is' -a scale -d 'How many instances a load needs: policies of scaling, tried beforehand'
complete -c slsc -n '__slsc_is help' -a scale -d 'How many instances a load needs: policies of scaling, tried beforehand'
complete -c slsc -n '__slsc_is' -a compare -d 'Measure one function under several strategies, side by side'
complete -c slsc -n '__slsc_is help' -a compare -d 'Measure one function under several strategies, side by side'
complete -c slsc -n '__slsc_is' -a check -d 'Find what a platform would refuse, before it does'
complete -c slsc -n '__slsc_is help' -a check -d 'Find what a platform would refuse, before it does'
complete -c slsc -n '__slsc_is' -a inspect -d 'Where an artifact\'s bytes are'
complete -c slsc -n '__slsc_is help' -a inspect -d 'Where an artifact\'s bytes are'
complete -c slsc -n '__slsc_is' -a diff -d 'What grew and shrank between two artifacts, or since a commit'
complete -c slsc -n '__slsc_is help' -a diff -d 'What grew and shrank between two artifacts, or since a commit'
complete -c slsc -n '__slsc_is' -a config -d 'Check slsc.yaml, or show what it means'
complete -c slsc -n '__slsc_is help' -a config -d 'Check slsc.yaml, or show what it means'
complete -c slsc -n '__slsc_is' -a cache -d 'Show or shrink the cache of images and sources'
complete -c slsc -n '__slsc_is help' -a cache -d 'Show or shrink the cache of images and sources'
complete -c slsc -n '__slsc_is' -a help -d 'Explain slsc, or one of its commands'
complete -c slsc -n '__slsc_is help' -a help -d 'Explain slsc, or one of its commands'
complete -c slsc -n '__slsc_is' -a completion -d 'Print the completion script of a shell'
complete -c slsc -n '__slsc_is help' -a completion -d 'Print the completion script of a shell'
complete -c slsc -n '__slsc_is' -a version -d 'Print the version, and those of the libraries it was built with'
complete -c slsc -n '__slsc_is help' -a version -d 'Print the version, and those of the libraries it was built with'

# init
complete -c slsc -n '__slsc_in init' -s t -l template -x -a '(__slsc_names templates)' -d 'what to copy: a name of --list, a directory with an slsc.yaml, or GIT-URL[#REF]; default: hello'
complete -c slsc -n '__slsc_in init' -l name -x -d 'the project\'s name; default: made of the directory\'s'
complete -c slsc -n '__slsc_in init' -l force -d 'add to a directory that is not empty; no file is ever overwritten'
complete -c slsc -n '__slsc_in init' -l ci -x -a 'github gitlab' -d 'also write a pipeline: build, check, compare, comment, push, sign'
complete -c slsc -n '__slsc_in init' -s l -l list -d 'show the built-in templates'
complete -c slsc -n '__slsc_in init' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in init' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in init' -a '(__fish_complete_directories)'

# doctor
complete -c slsc -n '__slsc_in doctor' -l no-fetch -d 'only look: do not fetch musl for the architectures that lack it'
complete -c slsc -n '__slsc_in doctor' -l launcher -d 'compile twice through LAUNCHER, or the project\'s, and say whether the second was a hit'
complete -c slsc -n '__slsc_in doctor' -l json -d 'print results, and an error, as JSON'

# build
complete -c slsc -n '__slsc_in build' -s a -l arch -x -a '(__fish_append , (__slsc_names arches))' -d 'only these architectures: x86_64, arm64, wasm32'
complete -c slsc -n '__slsc_in build' -s p -l profile -x -a '(__slsc_names profiles)' -d 'release (default), small, fast, debug, or one of slsc.yaml'
complete -c slsc -n '__slsc_in build' -s j -l jobs -x -d 'run N steps at a time'
complete -c slsc -n '__slsc_in build' -l launcher -x -d 'put CMD before each compile: ccache, sccache, distcc, icecc, recc, or another; none'
complete -c slsc -n '__slsc_in build' -l shard -x -d 'only the I-th of N parts, which take about the same time: see docs/MANY.md'
complete -c slsc -n '__slsc_in build' -l since -x -d 'only functions that read what differs from a commit, or over a range: see docs/MANY.md'
complete -c slsc -n '__slsc_in build' -l smoke -d 'also start each binary, under qemu-user if it is of another architecture, a module in Node'
complete -c slsc -n '__slsc_in build' -s f -l file -r -F -d 'build this Dockerfile; the argument is the directory that COPY takes files from'
complete -c slsc -n '__slsc_in build' -l target -x -d 'the stage to build, by name or number (default: the last one)'
complete -c slsc -n '__slsc_in build' -s t -l tag -x -d 'what to call the image'
complete -c slsc -n '__slsc_in build' -s o -l output -r -F -d 'oci:DIR, oci-archive:FILE, docker-archive:FILE or dir:DIR (default: oci:dist/NAME.oci)'
complete -c slsc -n '__slsc_in build' -l build-arg -x -d 'the value of an ARG; without VALUE that of the environment'
complete -c slsc -n '__slsc_in build' -l secret -x -d 'for RUN --mount=type=secret; it is in no layer, no history and no cache'
complete -c slsc -n '__slsc_in build' -l label -x -d 'one more label'
complete -c slsc -n '__slsc_in build' -l base -x -d 'where the image that FROM calls NAME comes from'
complete -c slsc -n '__slsc_in build' -l network -x -a 'host none' -d 'of RUN and ADD: host (default) or none'
complete -c slsc -n '__slsc_in build' -l sandbox -x -a 'bwrap oci' -d 'of RUN: bwrap (default), or an OCI runtime: oci'
complete -c slsc -n '__slsc_in build' -l compression -x -a 'gzip zstd none' -d 'of layers: gzip (default), zstd or none'
complete -c slsc -n '__slsc_in build' -l level -x -a 'fast default max' -d 'how hard to compress: fast, default or max'
complete -c slsc -n '__slsc_in build' -l squash -d 'one layer in place of all'
complete -c slsc -n '__slsc_in build' -l strip -d 'strip the programs and shared objects that are not the base\'s; say what is not static'
complete -c slsc -n '__slsc_in build' -l no-cache -d 'run every step'
complete -c slsc -n '__slsc_in build' -l cache-from -x -d 'also take binaries or a Dockerfile\'s steps from this cache: HOST/REPO:TAG or oci:DIR'
complete -c slsc -n '__slsc_in build' -l cache-to -x -d 'write those of this build to a cache'
complete -c slsc -n '__slsc_in build' -l print -x -a 'plan graph' -d 'build nothing, but show the stages: plan (text) or graph (for dot)'
complete -c slsc -n '__slsc_in build' -l until -x -d 'build only what stands before this line of the Dockerfile'
complete -c slsc -n '__slsc_in build' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in build' -l cert -r -F -d 'show this client certificate (PEM)'
complete -c slsc -n '__slsc_in build' -l key -r -F -d 'its private key, if that is in another file'
complete -c slsc -n '__slsc_in build' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in build' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in build' -l explain -d 'say why, for each decision'
complete -c slsc -n '__slsc_in build' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in build' -a '(__slsc_names functions)'

# package
complete -c slsc -n '__slsc_in package' -l zip -d 'a Lambda zip for each architecture'
complete -c slsc -n '__slsc_in package' -l oci -d 'an OCI image layout for all architectures'
complete -c slsc -n '__slsc_in package' -l oci-archive -d 'the same as one tar, for podman load'
complete -c slsc -n '__slsc_in package' -l docker-archive -d 'a tar for each architecture, for docker load'
complete -c slsc -n '__slsc_in package' -l workers -d 'a directory for workerd and wrangler, with the function as a WebAssembly module'
complete -c slsc -n '__slsc_in package' -l level -x -a 'fast default max' -d 'how hard to compress: fast, default or max'
complete -c slsc -n '__slsc_in package' -s a -l arch -x -a '(__fish_append , (__slsc_names arches))' -d 'only these architectures: x86_64, arm64, wasm32'
complete -c slsc -n '__slsc_in package' -s p -l profile -x -a '(__slsc_names profiles)' -d 'release (default), small, fast, debug, or one of slsc.yaml'
complete -c slsc -n '__slsc_in package' -l shard -x -d 'only the I-th of N parts, as slsc build --shard has them'
complete -c slsc -n '__slsc_in package' -l since -x -d 'only functions that read what differs from a commit, or over a range: see docs/MANY.md'
complete -c slsc -n '__slsc_in package' -s o -l output -x -a '(__fish_complete_directories)' -d 'where to put it (default: dist in the project)'
complete -c slsc -n '__slsc_in package' -l no-build -d 'take the binaries as they are'
complete -c slsc -n '__slsc_in package' -l compression -x -a 'gzip zstd none' -d 'of layers: gzip, zstd or none'
complete -c slsc -n '__slsc_in package' -l base -x -a '(__slsc_names bases)' -d 'of images: one of `slsc base list` (default: static), or an image such as oci:DIR[:TAG];'
complete -c slsc -n '__slsc_in package' -l sbom -x -a 'none image attach' -d 'put an SBOM into images, or attach it to them in the layout (--oci)'
complete -c slsc -n '__slsc_in package' -l provenance -x -a 'none attach' -d 'attach SLSA provenance to images in the layout (--oci)'
complete -c slsc -n '__slsc_in package' -l cache-from -x -d 'take binaries and Dockerfiles\' steps from this cache, too: HOST/REPO:TAG or oci:DIR'
complete -c slsc -n '__slsc_in package' -l cache-to -x -d 'write them to a cache'
complete -c slsc -n '__slsc_in package' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in package' -l cert -r -F -d 'show this client certificate (PEM)'
complete -c slsc -n '__slsc_in package' -l key -r -F -d 'its private key, if that is in another file'
complete -c slsc -n '__slsc_in package' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in package' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in package' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in package' -a '(__slsc_names functions)'

# base
complete -c slsc -n '__slsc_is base' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_is base' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_is base' -a list -d 'List the named bases, and whether they are locked and cached'
complete -c slsc -n '__slsc_is base' -a build -d 'Make a base as an OCI image layout of its own'
complete -c slsc -n '__slsc_is base' -a show -d 'Show a base\'s packages as they are locked'
complete -c slsc -n '__slsc_is base' -a update -d 'Lock what mirrors and registries have now, and say what changed'

# base list
complete -c slsc -n '__slsc_in base list' -l json -d 'print results, and an error, as JSON'

# base build
complete -c slsc -n '__slsc_in base build' -s a -l arch -x -a '(__fish_append , (__slsc_names arches))' -d 'only these architectures: x86_64, arm64'
complete -c slsc -n '__slsc_in base build' -s o -l output -x -a '(__fish_complete_directories)' -d 'the image layout to write (default: NAME-VARIANT.oci)'
complete -c slsc -n '__slsc_in base build' -l compression -x -a 'gzip zstd none' -d 'of layers: gzip (default), zstd or none'
complete -c slsc -n '__slsc_in base build' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in base build' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in base build' -a '(__slsc_names bases)'

# base show
complete -c slsc -n '__slsc_in base show' -s a -l arch -x -a '(__fish_append , (__slsc_names arches))' -d 'only these architectures: x86_64, arm64'
complete -c slsc -n '__slsc_in base show' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in base show' -a '(__slsc_names bases)'

# base update
complete -c slsc -n '__slsc_in base update' -s a -l arch -x -a '(__fish_append , (__slsc_names arches))' -d 'only these architectures: x86_64, arm64'
complete -c slsc -n '__slsc_in base update' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in base update' -l cert -r -F -d 'show this client certificate (PEM)'
complete -c slsc -n '__slsc_in base update' -l key -r -F -d 'its private key, if that is in another file'
complete -c slsc -n '__slsc_in base update' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in base update' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in base update' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in base update' -a '(__slsc_names bases)'

# push
complete -c slsc -n '__slsc_in push' -s a -l arch -x -a '(__slsc_names arches)' -d 'only this architecture\'s image, by itself: x86_64, arm64 or wasm32'
complete -c slsc -n '__slsc_in push' -l image-refs -r -F -d 'also write the lines that name the images to FILE'
complete -c slsc -n '__slsc_in push' -l attachments -d 'also signatures, SBOMs and provenance; those in a layout always go along'
complete -c slsc -n '__slsc_in push' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in push' -l cert -r -F -d 'show this client certificate (PEM)'
complete -c slsc -n '__slsc_in push' -l key -r -F -d 'its private key, if that is in another file'
complete -c slsc -n '__slsc_in push' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in push' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in push' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in push' -a '(__slsc_names functions)'

# pull
complete -c slsc -n '__slsc_in pull' -s a -l arch -x -a '(__slsc_names arches)' -d 'only this architecture\'s image, by itself: x86_64, arm64 or wasm32'
complete -c slsc -n '__slsc_in pull' -l image-refs -r -F -d 'also write the lines that name the images to FILE'
complete -c slsc -n '__slsc_in pull' -l attachments -d 'also signatures, SBOMs and provenance; those in a layout always go along'
complete -c slsc -n '__slsc_in pull' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in pull' -l cert -r -F -d 'show this client certificate (PEM)'
complete -c slsc -n '__slsc_in pull' -l key -r -F -d 'its private key, if that is in another file'
complete -c slsc -n '__slsc_in pull' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in pull' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in pull' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in pull' -F

# copy
complete -c slsc -n '__slsc_in copy' -s a -l arch -x -a '(__slsc_names arches)' -d 'only this architecture\'s image, by itself: x86_64, arm64 or wasm32'
complete -c slsc -n '__slsc_in copy' -l image-refs -r -F -d 'also write the lines that name the images to FILE'
complete -c slsc -n '__slsc_in copy' -l attachments -d 'also signatures, SBOMs and provenance; those in a layout always go along'
complete -c slsc -n '__slsc_in copy' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in copy' -l cert -r -F -d 'show this client certificate (PEM)'
complete -c slsc -n '__slsc_in copy' -l key -r -F -d 'its private key, if that is in another file'
complete -c slsc -n '__slsc_in copy' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in copy' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in copy' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in copy' -F

# login
complete -c slsc -n '__slsc_in login' -s u -l username -x -d 'who to log in as'
complete -c slsc -n '__slsc_in login' -l password-stdin -d 'read the password from stdin, which is no terminal'
complete -c slsc -n '__slsc_in login' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in login' -l cert -r -F -d 'show this client certificate (PEM)'
complete -c slsc -n '__slsc_in login' -l key -r -F -d 'its private key, if that is in another file'
complete -c slsc -n '__slsc_in login' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in login' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in login' -l json -d 'print results, and an error, as JSON'

# logout
complete -c slsc -n '__slsc_in logout' -l json -d 'print results, and an error, as JSON'

# deploy
complete -c slsc -n '__slsc_in deploy' -l platform -x -a 'lambda' -d 'where to: lambda (default)'
complete -c slsc -n '__slsc_in deploy' -s a -l arch -x -a '(__slsc_names arches)' -d 'which one it is to run on (default: the function\'s first)'
complete -c slsc -n '__slsc_in deploy' -l image -x -d 'take this image in place of a zip: for Lambda one of ECR; with --emit'
complete -c slsc -n '__slsc_in deploy' -l role -x -d 'the IAM role that the function has; needed where it does not exist yet'
complete -c slsc -n '__slsc_in deploy' -l alias -x -d 'publish a version, and move this alias to it'
complete -c slsc -n '__slsc_in deploy' -l weight -x -d 'how many of the alias\' calls the new version gets, such as 10% (default: all)'
complete -c slsc -n '__slsc_in deploy' -l publish -d 'publish a version, also without an alias'
complete -c slsc -n '__slsc_in deploy' -l url -d 'give it a URL: for signed requests, or as deploy.url in slsc.yaml says'
complete -c slsc -n '__slsc_in deploy' -l s3 -x -d 'upload the zip through this bucket; needed above 50 MB'
complete -c slsc -n '__slsc_in deploy' -l smoke -r -F -d 'the event that a new version is tried with: a file, - or JSON itself (default: {})'
complete -c slsc -n '__slsc_in deploy' -l no-smoke -d 'do not try it'
complete -c slsc -n '__slsc_in deploy' -s p -l profile -x -a '(__slsc_names profiles)' -d 'what it is built with: release (default), small, fast, debug, or one of slsc.yaml'
complete -c slsc -n '__slsc_in deploy' -l level -x -a 'fast default max' -d 'how hard to compress: fast, default or max'
complete -c slsc -n '__slsc_in deploy' -l no-build -d 'take the binaries as they are; with --emit what is packaged'
complete -c slsc -n '__slsc_in deploy' -l aws-profile -x -d 'the profile of ~/.aws whose credentials and region are used'
complete -c slsc -n '__slsc_in deploy' -l region -x -d 'default: AWS_REGION, AWS_DEFAULT_REGION, the profile\'s, deploy.region'
complete -c slsc -n '__slsc_in deploy' -l endpoint-url -x -d 'where Lambda is, if not where AWS has it'
complete -c slsc -n '__slsc_in deploy' -l emit -x -a 'sam terraform knative cloudrun openfaas kubernetes' -d 'write files and deploy nothing: sam, terraform, knative,'
complete -c slsc -n '__slsc_in deploy' -s o -l output -x -a '(__fish_complete_directories)' -d 'where to put them (default: stdout, if it is one)'
complete -c slsc -n '__slsc_in deploy' -l repo -x -d 'the images of dist/ are there, as HOST/PREFIX/FUNCTION'
complete -c slsc -n '__slsc_in deploy' -l secret -x -d 'this variable of env is a secret, too; repeatable'
complete -c slsc -n '__slsc_in deploy' -l plain -x -d 'this one is none, whatever it looks like; repeatable'
complete -c slsc -n '__slsc_in deploy' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in deploy' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in deploy' -a '(__slsc_names functions)'

# sbom
complete -c slsc -n '__slsc_in sbom' -s f -l format -x -a 'spdx cyclonedx' -d 'spdx (2.3, default) or cyclonedx (1.5), both as JSON'
complete -c slsc -n '__slsc_in sbom' -s a -l arch -x -a '(__slsc_names arches)' -d 'of which binary (default: the function\'s first)'
complete -c slsc -n '__slsc_in sbom' -s p -l profile -x -a '(__slsc_names profiles)' -d 'release (default), small, fast, debug, or one of slsc.yaml'
complete -c slsc -n '__slsc_in sbom' -s o -l output -r -F -d 'write it to a file instead of stdout'
complete -c slsc -n '__slsc_in sbom' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in sbom' -a '(__slsc_names functions)'

# sign
complete -c slsc -n '__slsc_in sign' -s k -l key -r -F -d 'the private key: cosign\'s, or PKCS#8 or SEC 1 in PEM'
complete -c slsc -n '__slsc_in sign' -s r -l recursive -d 'of an index, also each of its images'
complete -c slsc -n '__slsc_in sign' -s A -l annotation -x -d 'say this, too, in the signature'
complete -c slsc -n '__slsc_in sign' -l reference -x -d 'the repository that the signature names (default: the image\'s)'
complete -c slsc -n '__slsc_in sign' -l password-stdin -d 'read the key\'s password from stdin'
complete -c slsc -n '__slsc_in sign' -l generate-key -x -d 'make a key pair instead: PREFIX.key (encrypted) and PREFIX.pub'
complete -c slsc -n '__slsc_in sign' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in sign' -l cert -r -F -d 'show this client certificate (PEM), which holds its key'
complete -c slsc -n '__slsc_in sign' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in sign' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in sign' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in sign' -a '(__fish_complete_directories)'

# verify-signature
complete -c slsc -n '__slsc_in verify-signature' -s k -l key -r -F -d 'the public key, in PEM'
complete -c slsc -n '__slsc_in verify-signature' -l attestation -d 'demand signed provenance, too'
complete -c slsc -n '__slsc_in verify-signature' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in verify-signature' -l cert -r -F -d 'show this client certificate (PEM), which holds its key'
complete -c slsc -n '__slsc_in verify-signature' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in verify-signature' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in verify-signature' -a '(__fish_complete_directories)'

# local
complete -c slsc -n '__slsc_in local' -s P -l port -x -d 'where callers find it (default: 9000; 0: any that is free)'
complete -c slsc -n '__slsc_in local' -l listen -x -d 'listen on this address (default: 127.0.0.1)'
complete -c slsc -n '__slsc_in local' -s p -l profile -x -a '(__slsc_names profiles)' -d 'build with this profile'
complete -c slsc -n '__slsc_in local' -l name -x -d 'serve the command behind -- as the function NAME; no slsc.yaml is needed'
complete -c slsc -n '__slsc_in local' -l http -d 'the command listens for HTTP on $PORT; else it asks the Runtime API'
complete -c slsc -n '__slsc_in local' -l otlp -x -d 'send records and spans to a collector, by OTLP/HTTP'
complete -c slsc -n '__slsc_in local' -l otlp-header -x -d 'send this header along; repeatable'
complete -c slsc -n '__slsc_in local' -l otlp-dir -x -a '(__fish_complete_directories)' -d 'append them to logs.jsonl and traces.jsonl, as OTLP/JSON'
complete -c slsc -n '__slsc_in local' -l log-file -r -F -d 'append each line a function prints, as a line of JSON'
complete -c slsc -n '__slsc_in local' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in local' -l cert -r -F -d 'show this client certificate (PEM)'
complete -c slsc -n '__slsc_in local' -l key -r -F -d 'its private key, if that is in another file'
complete -c slsc -n '__slsc_in local' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in local' -a '(__slsc_names functions)'

# invoke
complete -c slsc -n '__slsc_in invoke' -s e -l event -r -F -d 'what the function gets: a file, - for standard input, or JSON itself (default: {})'
complete -c slsc -n '__slsc_in invoke' -l example -x -a '(__slsc_names examples)' -d 'an example event: s3, sqs, apigw, ...'
complete -c slsc -n '__slsc_in invoke' -l list -d 'print every example event there is'
complete -c slsc -n '__slsc_in invoke' -l async -d 'queue the event, and do not wait for the function'
complete -c slsc -n '__slsc_in invoke' -l stream -d 'print a streamed answer as it comes'
complete -c slsc -n '__slsc_in invoke' -l tail -d 'print the log to stderr; a platform that runs gives its last 4 KB'
complete -c slsc -n '__slsc_in invoke' -l url -x -d 'of a platform\'s Invoke API (default: the slsc local that runs in the project, if one does)'
complete -c slsc -n '__slsc_in invoke' -l remote -d 'call the function that is deployed'
complete -c slsc -n '__slsc_in invoke' -l qualifier -x -d 'of it, this version, or the one that the alias names (default: $LATEST)'
complete -c slsc -n '__slsc_in invoke' -l aws-profile -x -d 'the profile of ~/.aws whose credentials and region are used'
complete -c slsc -n '__slsc_in invoke' -l region -x -d 'default: AWS_REGION, AWS_DEFAULT_REGION, the profile\'s, deploy.region'
complete -c slsc -n '__slsc_in invoke' -l endpoint-url -x -d 'where the service is, if not where AWS has it'
complete -c slsc -n '__slsc_in invoke' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in invoke' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in invoke' -a '(__slsc_names functions)'

# flow
complete -c slsc -n '__slsc_is flow' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_is flow' -a validate -d 'Check state machines, and tell all that is wrong with them'
complete -c slsc -n '__slsc_is flow' -a run -d 'Run a state machine, durably'
complete -c slsc -n '__slsc_is flow' -a history -d 'What happened in an execution'
complete -c slsc -n '__slsc_is flow' -a graph -d 'Draw a state machine, and the way that an execution went'
complete -c slsc -n '__slsc_is flow' -a test -d 'Try a state machine with cases: an input, what tasks answer, what has to come of it'

# flow validate
complete -c slsc -n '__slsc_in flow validate' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in flow validate' -F

# flow run
complete -c slsc -n '__slsc_in flow run' -s i -l input -r -F -d 'what it begins with: a file, - for standard input, or JSON itself (default: {})'
complete -c slsc -n '__slsc_in flow run' -l name -x -d 'of the execution: one that has not ended goes on, one that has is told of (default: a new one)'
complete -c slsc -n '__slsc_in flow run' -l resume -x -d 'go on with an execution, by the definition that it began with; no FILE is needed'
complete -c slsc -n '__slsc_in flow run' -l timeout -x -d 'of the execution, such as 30s; the machine\'s own counts as well'
complete -c slsc -n '__slsc_in flow run' -l memory -d 'keep no journal: a kill loses it'
complete -c slsc -n '__slsc_in flow run' -s p -l profile -x -a '(__slsc_names profiles)' -d 'build the functions with this profile'
complete -c slsc -n '__slsc_in flow run' -l history -d 'print each event to stderr as it happens; with --json they are a part of the result'
complete -c slsc -n '__slsc_in flow run' -l tail -d 'print what the functions print to stderr'
complete -c slsc -n '__slsc_in flow run' -l repeat -x -d 'run it so many times, up to a thousand at once, and tell how fast that was'
complete -c slsc -n '__slsc_in flow run' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in flow run' -F

# flow history
complete -c slsc -n '__slsc_in flow history' -l list -d 'the executions that the journal has, the last first'
complete -c slsc -n '__slsc_in flow history' -l json -d 'print results, and an error, as JSON'

# flow graph
complete -c slsc -n '__slsc_in flow graph' -l svg -d 'a drawing as an SVG file (the default)'
complete -c slsc -n '__slsc_in flow graph' -l mermaid -d 'a Mermaid flowchart'
complete -c slsc -n '__slsc_in flow graph' -l history -r -F -d 'the history of an execution: its way is drawn, with times'
complete -c slsc -n '__slsc_in flow graph' -s o -l output -r -F -d 'write it to a file instead of stdout'
complete -c slsc -n '__slsc_in flow graph' -F

# flow test
complete -c slsc -n '__slsc_in flow test' -s t -l tests -r -F -d 'the cases (default: FILE with .test.yaml or .test.json in place of its ending)'
complete -c slsc -n '__slsc_in flow test' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in flow test' -F

# logs
complete -c slsc -n '__slsc_in logs' -l remote -d 'of the function that is deployed'
complete -c slsc -n '__slsc_in logs' -s f -l follow -d 'go on with what is logged from now on, until Ctrl-C'
complete -c slsc -n '__slsc_in logs' -l since -x -d 'begin so long ago: 30s, 10m, 2h, 3d (default: 10min)'
complete -c slsc -n '__slsc_in logs' -l filter -x -d 'only events that match, by CloudWatch Logs\' filter patterns'
complete -c slsc -n '__slsc_in logs' -l aws-profile -x -d 'the profile of ~/.aws whose credentials and region are used'
complete -c slsc -n '__slsc_in logs' -l region -x -d 'default: AWS_REGION, AWS_DEFAULT_REGION, the profile\'s, deploy.region'
complete -c slsc -n '__slsc_in logs' -l endpoint-url -x -d 'where the service is, if not where AWS has it'
complete -c slsc -n '__slsc_in logs' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in logs' -a '(__slsc_names functions)'

# bench
complete -c slsc -n '__slsc_in bench' -s e -l event -r -F -d 'what the function gets: a file, - for standard input, or JSON itself (default: {})'
complete -c slsc -n '__slsc_in bench' -l example -x -a '(__slsc_names examples)' -d 'an example event: s3, sqs, apigw, ...'
complete -c slsc -n '__slsc_in bench' -l memory -x -d 'give it so much, and the CPU that comes with it (default: what slsc.yaml says)'
complete -c slsc -n '__slsc_in bench' -s p -l profile -x -a '(__slsc_names profiles)' -d 'build with this profile'
complete -c slsc -n '__slsc_in bench' -l cold -x -d 'N cold starts, one after the other (default: 100; 0: none)'
complete -c slsc -n '__slsc_in bench' -s r -l rate -x -d 'an open loop: R calls a second, whatever the function does'
complete -c slsc -n '__slsc_in bench' -s c -l concurrency -x -d 'a closed loop: N callers, each of which waits for its answer (default: 1)'
complete -c slsc -n '__slsc_in bench' -s d -l duration -x -d 'of the load: 10s, 500ms, 2min (default: 10 s; 0: no load)'
complete -c slsc -n '__slsc_in bench' -l requests -x -d 'end the load after N calls; without --duration however long they take'
complete -c slsc -n '__slsc_in bench' -l warmup -x -d 'of the same load, before it counts (default: 1 s)'
complete -c slsc -n '__slsc_in bench' -s f -l format -x -a 'text json html' -d 'text (default), json or html'
complete -c slsc -n '__slsc_in bench' -s o -l output -r -F -d 'write it to a file instead of stdout'
complete -c slsc -n '__slsc_in bench' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in bench' -a '(__slsc_names functions)'

# chaos
complete -c slsc -n '__slsc_is chaos' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_is chaos' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_is chaos' -a run -d 'Run a plan of faults against a function'

# chaos run
complete -c slsc -n '__slsc_in chaos run' -s p -l profile -x -a '(__slsc_names profiles)' -d 'build with this profile'
complete -c slsc -n '__slsc_in chaos run' -l seed -x -d 'in place of the plan\'s: other faults by chance'
complete -c slsc -n '__slsc_in chaos run' -s f -l format -x -a 'text json html' -d 'text (default), json or html'
complete -c slsc -n '__slsc_in chaos run' -s o -l output -r -F -d 'write it to a file instead of stdout'
complete -c slsc -n '__slsc_in chaos run' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in chaos run' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in chaos run' -F

# warm
complete -c slsc -n '__slsc_in warm' -s t -l timeout -x -d 'what each has to become ready, from its first probe on; default 60'
complete -c slsc -n '__slsc_in warm' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in warm' -l insecure -d 'take any certificate'
complete -c slsc -n '__slsc_in warm' -l json -d 'print results, and an error, as JSON'

# tune
complete -c slsc -n '__slsc_in tune' -l memory -x -d 'sizes of memory'
complete -c slsc -n '__slsc_in tune' -l cpu -x -d 'shares of a CPU: 50%,100%'
complete -c slsc -n '__slsc_in tune' -l workers -x -d 'values of SLSC_WORKERS, with runtime http'
complete -c slsc -n '__slsc_in tune' -l retention -x -d 'how much of what the arena would keep for the next call it does keep'
complete -c slsc -n '__slsc_in tune' -s p -l profile -x -a '(__fish_append , (__slsc_names profiles))' -d 'profiles to build with'
complete -c slsc -n '__slsc_in tune' -l env -x -d 'values of a variable of the environment'
complete -c slsc -n '__slsc_in tune' -s D -l define -x -d 'values of a macro'
complete -c slsc -n '__slsc_in tune' -l preset -x -a 'guide' -d 'guide: 4 and 16 workers with retention 100 and 50, and the guide\'s table of them'
complete -c slsc -n '__slsc_in tune' -s r -l rate -x -d 'R calls a second, whatever the function does (default: 100)'
complete -c slsc -n '__slsc_in tune' -s d -l duration -x -d 'for each setting and repeat (default: 2 s)'
complete -c slsc -n '__slsc_in tune' -l warmup -x -d 'of the same load, before it counts (default: 500 ms)'
complete -c slsc -n '__slsc_in tune' -s e -l event -r -F -d 'what the function gets: a file, - for standard input, or JSON itself (default: {})'
complete -c slsc -n '__slsc_in tune' -l example -x -a '(__slsc_names examples)' -d 'an example event: s3, sqs, apigw, ...'
complete -c slsc -n '__slsc_in tune' -l events -r -F -d 'a file with an event, or with one a line (.jsonl); several in turn'
complete -c slsc -n '__slsc_in tune' -l generator -x -d 'a shell command that prints events, one a line'
complete -c slsc -n '__slsc_in tune' -l repeats -x -d 'measure each setting N times, in turn (default: 5)'
complete -c slsc -n '__slsc_in tune' -l cold -x -d 'cold starts of each setting and repeat (default: 3)'
complete -c slsc -n '__slsc_in tune' -l seed -x -d 'decides the order of measuring (default: 1)'
complete -c slsc -n '__slsc_in tune' -l full -d 'measure every setting to the end, also where they are more than 16'
complete -c slsc -n '__slsc_in tune' -l strategy -x -a 'cost speed balanced' -d 'cost, speed (p99) or balanced (p99 times cost; default)'
complete -c slsc -n '__slsc_in tune' -l platform -x -d 'whose prices count (default: lambda)'
complete -c slsc -n '__slsc_in tune' -l prices -r -F -d 'a table of prices of your own'
complete -c slsc -n '__slsc_in tune' -l claims -r -F -d 'claims of your own, for --preset (default: share/slsc/guide.yaml)'
complete -c slsc -n '__slsc_in tune' -l apply -d 'write the choice into slsc.yaml'
complete -c slsc -n '__slsc_in tune' -s f -l format -x -a 'text json csv html' -d 'text (default), json, csv or html'
complete -c slsc -n '__slsc_in tune' -s o -l output -r -F -d 'write it to a file instead of stdout'
complete -c slsc -n '__slsc_in tune' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in tune' -a '(__slsc_names functions)'

# scale
complete -c slsc -n '__slsc_is scale' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_is scale' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_is scale' -a simulate -d 'Try policies of scaling on a load that is made up or was recorded'
complete -c slsc -n '__slsc_is scale' -a train -d 'Train a small network to forecast a load, on its history'

# scale simulate
complete -c slsc -n '__slsc_in scale simulate' -s l -l load -x -a 'step ramp diurnal burst' -d 'step (default), ramp, diurnal or burst: how requests come'
complete -c slsc -n '__slsc_in scale simulate' -s r -l rate -x -d 'requests a second at its peak (default: 3000)'
complete -c slsc -n '__slsc_in scale simulate' -l base -x -d 'requests a second without it (default: a tenth of --rate)'
complete -c slsc -n '__slsc_in scale simulate' -s d -l duration -x -d 'how long it lasts: 5min, 1h (default: 5min)'
complete -c slsc -n '__slsc_in scale simulate' -l before -x -d 'of the base rate, before it (default: 1min)'
complete -c slsc -n '__slsc_in scale simulate' -l period -x -d 'of the diurnal pattern (default: --duration)'
complete -c slsc -n '__slsc_in scale simulate' -s t -l trace -r -F -d 'requests as a CSV file has them, instead of a pattern'
complete -c slsc -n '__slsc_in scale simulate' -l trace-format -x -a 'auto counts times azure-2019 azure-2021' -d 'auto (default), counts, times, azure-2019 or azure-2021'
complete -c slsc -n '__slsc_in scale simulate' -l only -x -d 'of a trace of Azure: this function or app alone'
complete -c slsc -n '__slsc_in scale simulate' -l interval -x -d 'how often a policy looks (default: 1s)'
complete -c slsc -n '__slsc_in scale simulate' -l seed -x -d 'of all chance: the same gives the same bytes (default: 1)'
complete -c slsc -n '__slsc_in scale simulate' -s b -l bench -r -F -d 'service time, cold start and memory as slsc bench --json has measured them'
complete -c slsc -n '__slsc_in scale simulate' -l service -x -d 'how long a request takes: 20ms, exp:20ms (a mean), or'
complete -c slsc -n '__slsc_in scale simulate' -l cold -x -d 'how long it takes until an instance is ready, in the same words'
complete -c slsc -n '__slsc_in scale simulate' -s m -l memory -x -d 'that an instance is configured to have (default: --bench\'s, or 128MB)'
complete -c slsc -n '__slsc_in scale simulate' -s p -l policy -x -a '(__fish_append , fixed cpu forecast command)' -d 'fixed, cpu, forecast or command (default: all; command only with --command)'
complete -c slsc -n '__slsc_in scale simulate' -l forecaster -x -a '(__fish_append , last holt-winters ar lstm)' -d 'last, holt-winters, ar or lstm (default: all)'
complete -c slsc -n '__slsc_in scale simulate' -l fixed -x -d 'instances of policy fixed (default: what the peak needs)'
complete -c slsc -n '__slsc_in scale simulate' -l min -x -d 'never fewer instances (default: 1)'
complete -c slsc -n '__slsc_in scale simulate' -l max -x -d 'never more instances (default: 10000)'
complete -c slsc -n '__slsc_in scale simulate' -l queue -x -d 'requests that may wait: more are refused (default: 1000000)'
complete -c slsc -n '__slsc_in scale simulate' -l target -x -d 'policy cpu: of its CPU that an instance is to use (default: 60%)'
complete -c slsc -n '__slsc_in scale simulate' -l cpu-period -x -d 'policy cpu: how often it decides (default: 15s)'
complete -c slsc -n '__slsc_in scale simulate' -l cooldown -x -d 'how long an instance is kept that was wanted last (default: 1min)'
complete -c slsc -n '__slsc_in scale simulate' -l horizon -x -d 'policy forecast: how far ahead it looks (default: 30s)'
complete -c slsc -n '__slsc_in scale simulate' -l season -x -d 'after which the load repeats itself, for holt-winters (default: never)'
complete -c slsc -n '__slsc_in scale simulate' -l model -r -F -d 'for lstm: what slsc scale train has made'
complete -c slsc -n '__slsc_in scale simulate' -l train -d 'for lstm: train it first, on such loads of other seeds'
complete -c slsc -n '__slsc_in scale simulate' -l command -x -d 'a policy of one\'s own: a program that answers lines of JSON'
complete -c slsc -n '__slsc_in scale simulate' -l answer-within -x -d 'how long its answer may take (default: 5s)'
complete -c slsc -n '__slsc_in scale simulate' -l prices -r -F -d 'a table of prices (default: share/slsc/prices.yaml)'
complete -c slsc -n '__slsc_in scale simulate' -l platform -x -d 'whose prices (default: lambda)'
complete -c slsc -n '__slsc_in scale simulate' -s a -l arch -x -a 'x86_64 arm64' -d 'x86_64 or arm64 (default: --bench\'s, or x86_64)'
complete -c slsc -n '__slsc_in scale simulate' -l goal -x -d 'p99 to be kept: the cheapest policy that does wins; none is exit code 3'
complete -c slsc -n '__slsc_in scale simulate' -l claims -r -F -d 'what others claim of these policies, shown beside (default: share/slsc/guide.yaml)'
complete -c slsc -n '__slsc_in scale simulate' -s f -l format -x -a 'text json csv html' -d 'text (default), json, csv or html'
complete -c slsc -n '__slsc_in scale simulate' -s o -l output -r -F -d 'write it to a file instead of stdout'
complete -c slsc -n '__slsc_in scale simulate' -l json -d 'print results, and an error, as JSON'

# scale train
complete -c slsc -n '__slsc_in scale train' -s l -l load -x -a 'step ramp diurnal burst' -d 'step (default), ramp, diurnal or burst: how requests come'
complete -c slsc -n '__slsc_in scale train' -s r -l rate -x -d 'requests a second at its peak (default: 3000)'
complete -c slsc -n '__slsc_in scale train' -l base -x -d 'requests a second without it (default: a tenth of --rate)'
complete -c slsc -n '__slsc_in scale train' -s d -l duration -x -d 'how long it lasts: 5min, 1h (default: 5min)'
complete -c slsc -n '__slsc_in scale train' -l before -x -d 'of the base rate, before it (default: 1min)'
complete -c slsc -n '__slsc_in scale train' -l period -x -d 'of the diurnal pattern (default: --duration)'
complete -c slsc -n '__slsc_in scale train' -s t -l trace -r -F -d 'requests as a CSV file has them, instead of a pattern'
complete -c slsc -n '__slsc_in scale train' -l trace-format -x -a 'auto counts times azure-2019 azure-2021' -d 'auto (default), counts, times, azure-2019 or azure-2021'
complete -c slsc -n '__slsc_in scale train' -l only -x -d 'of a trace of Azure: this function or app alone'
complete -c slsc -n '__slsc_in scale train' -l interval -x -d 'how often a policy looks (default: 1s)'
complete -c slsc -n '__slsc_in scale train' -l seed -x -d 'of all chance: the same gives the same bytes (default: 1)'
complete -c slsc -n '__slsc_in scale train' -l steps -x -d 'how long it learns (default: 600)'
complete -c slsc -n '__slsc_in scale train' -s o -l output -r -F -d 'the model (default: scale-model.json)'
complete -c slsc -n '__slsc_in scale train' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in scale train' -l json -d 'print results, and an error, as JSON'

# compare
complete -c slsc -n '__slsc_in compare' -s s -l strategies -x -d 'what to compare: names, or all (default: those that need no network)'
complete -c slsc -n '__slsc_in compare' -l preset -x -a 'guide' -d 'guide: static against dynamic, single-stage against distroless,'
complete -c slsc -n '__slsc_in compare' -l claims -r -F -d 'claims of your own, for --preset (default: share/slsc/guide.yaml)'
complete -c slsc -n '__slsc_in compare' -l list -d 'print every strategy there is'
complete -c slsc -n '__slsc_in compare' -s a -l arch -x -a '(__fish_append , (__slsc_names arches))' -d 'only these architectures: x86_64, arm64, wasm32'
complete -c slsc -n '__slsc_in compare' -s r -l reference -x -d 'the strategy that ratios are to (default: the first)'
complete -c slsc -n '__slsc_in compare' -l runs -x -d 'start each program N times (default: 200)'
complete -c slsc -n '__slsc_in compare' -l cold -d 'take the program out of the page cache before each start'
complete -c slsc -n '__slsc_in compare' -s e -l event -r -F -d 'the event that a function gets (default: {})'
complete -c slsc -n '__slsc_in compare' -l request -x -d 'what a function with runtime http is asked for (default: /)'
complete -c slsc -n '__slsc_in compare' -s f -l format -x -a 'table json csv markdown html' -d 'table (default), json, csv, markdown or html'
complete -c slsc -n '__slsc_in compare' -s o -l output -r -F -d 'write it to a file instead of stdout'
complete -c slsc -n '__slsc_in compare' -l check -d 'measure what slsc.yaml says, and exit with 3 if a budget is missed'
complete -c slsc -n '__slsc_in compare' -l baseline -r -F -d 'with --check: what must not have grown since'
complete -c slsc -n '__slsc_in compare' -l update-baseline -d 'write what was measured to the baseline, unless a budget is missed'
complete -c slsc -n '__slsc_in compare' -l base -x -d 'where the base that is called NAME comes from; repeatable'
complete -c slsc -n '__slsc_in compare' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in compare' -l cert -r -F -d 'show this client certificate (PEM)'
complete -c slsc -n '__slsc_in compare' -l key -r -F -d 'its private key, if that is in another file'
complete -c slsc -n '__slsc_in compare' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in compare' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in compare' -a '(__slsc_names functions)'

# check
complete -c slsc -n '__slsc_in check' -l platform -x -a 'lambda knative generic' -d 'lambda, knative or generic (default: lambda for zips;'
complete -c slsc -n '__slsc_in check' -l ignore -x -a '(__fish_append , (__slsc_names rules))' -d 'leave out the rule ID; repeatable'
complete -c slsc -n '__slsc_in check' -l list-rules -d 'print every rule, with its severity on each platform'
complete -c slsc -n '__slsc_in check' -l reproducible -d 'build a copy elsewhere, and compare with dist/ byte by byte'
complete -c slsc -n '__slsc_in check' -l fresh -d 'with --reproducible: compare two copies instead'
complete -c slsc -n '__slsc_in check' -l level -x -a 'fast default max' -d 'with --reproducible: the level that dist/ was packaged with'
complete -c slsc -n '__slsc_in check' -l compression -x -a 'gzip zstd none' -d 'with --reproducible: the compression of layers, likewise'
complete -c slsc -n '__slsc_in check' -l base -x -a '(__slsc_names bases)' -d 'with --reproducible: the base, likewise; repeatable;'
complete -c slsc -n '__slsc_in check' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in check' -l cert -r -F -d 'show this client certificate (PEM)'
complete -c slsc -n '__slsc_in check' -l key -r -F -d 'its private key, if that is in another file'
complete -c slsc -n '__slsc_in check' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in check' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in check' -F

# inspect
complete -c slsc -n '__slsc_in inspect' -l layers -d 'each layer: its bytes, those of its files, how many these are, its instruction'
complete -c slsc -n '__slsc_in inspect' -l files -d 'what a container sees; of a zip its entries, packed, and headers'
complete -c slsc -n '__slsc_in inspect' -l sections -d 'of a program, also of the one that a zip or image starts'
complete -c slsc -n '__slsc_in inspect' -l symbols -d 'its functions and objects'
complete -c slsc -n '__slsc_in inspect' -l sources -d 'what is of each source; needs debug information'
complete -c slsc -n '__slsc_in inspect' -l waste -d 'files that a later layer overwrites or deletes'
complete -c slsc -n '__slsc_in inspect' -l top -x -d 'the N largest parts (default: 25); the rest is summed up'
complete -c slsc -n '__slsc_in inspect' -l all -d 'all parts'
complete -c slsc -n '__slsc_in inspect' -s a -l arch -x -a '(__slsc_names arches)' -d 'of an image for several architectures: x86_64, arm64, ...'
complete -c slsc -n '__slsc_in inspect' -l debug-file -r -F -d 'the program\'s debug information (default: looked for)'
complete -c slsc -n '__slsc_in inspect' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in inspect' -l cert -r -F -d 'show this client certificate (PEM)'
complete -c slsc -n '__slsc_in inspect' -l key -r -F -d 'its private key, if that is in another file'
complete -c slsc -n '__slsc_in inspect' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in inspect' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in inspect' -F

# diff
complete -c slsc -n '__slsc_in diff' -l layers -d 'only by layer'
complete -c slsc -n '__slsc_in diff' -l files -d 'only by file'
complete -c slsc -n '__slsc_in diff' -l sections -d 'only by the program\'s section'
complete -c slsc -n '__slsc_in diff' -l symbols -d 'only by its symbol'
complete -c slsc -n '__slsc_in diff' -l sources -d 'only by its source'
complete -c slsc -n '__slsc_in diff' -l waste -d 'only by what layers waste'
complete -c slsc -n '__slsc_in diff' -l top -x -d 'the N largest changes (default: 15); the rest is summed up'
complete -c slsc -n '__slsc_in diff' -l all -d 'all changes'
complete -c slsc -n '__slsc_in diff' -s a -l arch -x -a '(__slsc_names arches)' -d 'of images for several architectures: x86_64, arm64, ...'
complete -c slsc -n '__slsc_in diff' -l ca-file -r -F -d 'trust these certificate authorities (PEM), too'
complete -c slsc -n '__slsc_in diff' -l cert -r -F -d 'show this client certificate (PEM)'
complete -c slsc -n '__slsc_in diff' -l key -r -F -d 'its private key, if that is in another file'
complete -c slsc -n '__slsc_in diff' -l insecure -d 'take any certificate, and plain http where there is no https'
complete -c slsc -n '__slsc_in diff' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_in diff' -F

# config
complete -c slsc -n '__slsc_is config' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_is config' -a check -d 'Check slsc.yaml and the files it names'
complete -c slsc -n '__slsc_is config' -a show -d 'Show the configuration with every default and \'extends\' applied'
complete -c slsc -n '__slsc_is config' -a schema -d 'Write the JSON Schema of slsc.yaml'

# config check
complete -c slsc -n '__slsc_in config check' -l json -d 'print results, and an error, as JSON'

# config show
complete -c slsc -n '__slsc_in config show' -l json -d 'print results, and an error, as JSON'

# config schema

# cache
complete -c slsc -n '__slsc_is cache' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_is cache' -l json -d 'print results, and an error, as JSON'
complete -c slsc -n '__slsc_is cache' -a info -d 'Show what the cache holds'
complete -c slsc -n '__slsc_is cache' -a prune -d 'Remove what has not been used for longest'

# cache info
complete -c slsc -n '__slsc_in cache info' -l json -d 'print results, and an error, as JSON'

# cache prune
complete -c slsc -n '__slsc_in cache prune' -l keep -x -d 'how much may stay, such as 2GB or 500MB (default: 0)'
complete -c slsc -n '__slsc_in cache prune' -s n -l dry-run -d 'say what would be done, and write nothing'
complete -c slsc -n '__slsc_in cache prune' -l json -d 'print results, and an error, as JSON'

# help
complete -c slsc -n '__slsc_in help' -l generate -x -a '(__fish_complete_directories)' -d 'write the completions and man pages into DIR/completions and DIR/man'
complete -c slsc -n '__slsc_in help' -l json -d 'print results, and an error, as JSON'

# completion
complete -c slsc -n '__slsc_is completion' -a 'bash zsh fish'

# version
complete -c slsc -n '__slsc_in version' -l json -d 'print results, and an error, as JSON'
