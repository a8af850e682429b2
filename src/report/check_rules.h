/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_CHECK_RULES_H
#define SLSC_REPORT_CHECK_RULES_H

/*
 * Every rule of `slsc check`, in the order of docs/CHECK.md, whose tables a test compares with this one.
 * X(NAME, id, severity for lambda, knative, generic, what is wrong, what to do)
 */
#define CHECK_RULES(X) \
	/* zips */ \
	X(ZIP_BOOTSTRAP, "zip-bootstrap", ERROR, OFF, OFF, "no file 'bootstrap' at the zip's root", \
	  "put the program at the root and call it bootstrap: provided.al2023 starts nothing else") \
	X(ZIP_EXECUTABLE, "zip-executable", ERROR, OFF, OFF, "bootstrap is not executable", \
	  "store mode 0755: on Unix chmod +x before zipping; made elsewhere, set creator Unix and (0100755 << 16)") \
	X(ZIP_DECIMAL, "zip-decimal-mode", ERROR, WARNING, WARNING, "a mode written in decimal where octal was meant", \
	  "write 0o755, not 755") \
	X(ZIP_UNIX, "zip-unix-mode", WARNING, OFF, OFF, "an entry without a Unix mode", \
	  "zip on Unix, or set creator Unix (3) and the mode in the external attributes' upper half") \
	X(ZIP_READABLE, "zip-readable", ERROR, OFF, OFF, "an entry that other users cannot read", \
	  "use 0644 for files, 0755 for directories and programs: Lambda runs a user of its own") \
	X(ZIP_DIRECT, "zip-size-direct", WARNING, OFF, OFF, "larger than a direct upload may be", \
	  "upload it to S3 and name the bucket, or make it smaller") \
	X(ZIP_UNZIPPED, "zip-size-unzipped", ERROR, OFF, OFF, "larger unzipped than Lambda takes", \
	  "make it smaller, or use an image (10 GB)") \
	X(ZIP_NAME, "zip-name", ERROR, ERROR, ERROR, "a name that leads outside, or that not all unzip alike", \
	  "use relative names with slashes and without ..") \
	X(ZIP_DUPLICATE, "zip-duplicate", ERROR, ERROR, ERROR, "a name that occurs twice", \
	  "keep one: which of them counts depends on the program that unzips") \
	X(ZIP_SYMLINK, "zip-symlink", ERROR, ERROR, ERROR, "a symlink that leads outside of the zip", \
	  "link within the zip, by a relative target") \
	X(ZIP_ENCRYPTED, "zip-encrypted", ERROR, ERROR, ERROR, "an encrypted entry", "zip without a password") \
	X(ZIP_METHOD, "zip-method", ERROR, WARNING, WARNING, "an entry that is neither stored nor deflated", \
	  "compress with deflate: Lambda unzips nothing else") \
	X(ZIP_DAMAGED, "zip-damaged", ERROR, ERROR, ERROR, "an entry whose headers, size or checksum disagree", \
	  "make the zip anew") \
	/* images: what the platform takes */ \
	X(LAMBDA_INDEX, "lambda-index", ERROR, OFF, OFF, "a multi-architecture index", \
	  "push one architecture's manifest; with slsc, the tag amd64 or arm64 of the layout") \
	X(LAMBDA_TAG, "lambda-push-tag", INFO, OFF, OFF, "a tag of the layout that Lambda would refuse", \
	  "push one of the tags that name a single manifest") \
	X(LAMBDA_ATTESTATION, "lambda-attestation", ERROR, OFF, OFF, "attestation manifests in an index", \
	  "build with --provenance=false --sbom=false, or push the image's manifest alone") \
	X(LAMBDA_PLAIN, "lambda-plain-layer", ERROR, OFF, OFF, "an uncompressed layer under a Docker manifest", \
	  "compress layers with gzip, or use OCI media types") \
	X(LAMBDA_ZSTD, "lambda-zstd-layer", WARNING, OFF, OFF, "a zstd layer: nobody documents that Lambda reads it", \
	  "compress layers with gzip: slsc package --compression gzip") \
	X(LAMBDA_PARENTS, "lambda-parents", ERROR, OFF, OFF, \
	  "an entry whose directory has no entry before it in its layer (MissingParentDirectory)", \
	  "write an entry for each directory, parents first") \
	X(LAMBDA_SIZE, "lambda-size", ERROR, OFF, OFF, "larger unpacked than Lambda takes", \
	  "make it smaller than 10 GB") \
	X(LAMBDA_READABLE, "lambda-readable", WARNING, OFF, OFF, "a file that other users cannot read", \
	  "chmod o+r: Lambda runs a user of its own, whatever USER says") \
	X(IMAGE_MEDIA, "image-media-type", ERROR, ERROR, ERROR, "a media type that is neither OCI's nor Docker's", \
	  "use the OCI image-spec's or Docker schema 2's media types") \
	X(IMAGE_LAYERS, "image-layers", ERROR, ERROR, ERROR, "more than 127 layers", "merge layers") \
	X(IMAGE_PLATFORM, "image-platform", ERROR, ERROR, ERROR, \
	  "the config is for another platform than its descriptor", \
	  "make the index anew") \
	X(IMAGE_COUNT, "image-diff-ids", ERROR, ERROR, ERROR, "the config has not one diff_id for each layer", \
	  "build the image anew") \
	X(ENTRY_MISSING, "entrypoint-missing", ERROR, ERROR, ERROR, "neither ENTRYPOINT nor CMD", \
	  "set ENTRYPOINT to the program's absolute path") \
	X(ENTRY_ABSOLUTE, "entrypoint-absolute", ERROR, OFF, OFF, "ENTRYPOINT is no absolute path", \
	  "write it from the root, in the form [\"/program\"]") \
	X(ENTRY_SYMLINK, "entrypoint-symlink", ERROR, OFF, OFF, "ENTRYPOINT is a symlink", "name the file itself") \
	X(ENTRY_NOT_FOUND, "entrypoint-not-found", ERROR, ERROR, ERROR, "ENTRYPOINT is not in the image", \
	  "put the program there, or correct the path") \
	X(ENTRY_EXECUTABLE, "entrypoint-executable", ERROR, ERROR, ERROR, \
	  "ENTRYPOINT cannot be executed by the user who runs it", "chmod 0755 it and 0755 its directories") \
	X(WORKDIR_MISSING, "workdir-missing", ERROR, WARNING, WARNING, "WORKDIR is not in the image", \
	  "make the directory: with a read-only root nobody else can") \
	X(WORKDIR_ACCESS, "workdir-access", ERROR, ERROR, ERROR, "WORKDIR cannot be entered by the user who runs it", \
	  "use / or /var/task, or chmod 0755 the directory") \
	X(USER_ROOT, "user-root", OFF, ERROR, WARNING, "runs as root", "set USER to a number above 0, such as 65532") \
	X(USER_NAME, "user-name", OFF, ERROR, OFF, "USER is a name", \
	  "set USER to a number: runAsNonRoot cannot tell who a name is") \
	/* programs */ \
	X(BINARY_FORMAT, "binary-format", ERROR, ERROR, ERROR, "neither an ELF program nor a script", \
	  "put a Linux program there") \
	X(BINARY_ARCH, "binary-arch", ERROR, ERROR, ERROR, "built for another architecture than it is packaged for", \
	  "build it for this architecture") \
	X(BINARY_LOADER, "binary-loader", ERROR, ERROR, ERROR, "the program's interpreter is not there", \
	  "link it statically (slsc does), or add the interpreter") \
	X(BINARY_LIBRARY, "binary-library", ERROR, ERROR, ERROR, "a shared library that is needed is not there", \
	  "link it statically (slsc does), or add the library") \
	X(BINARY_DYNAMIC, "binary-dynamic", WARNING, WARNING, WARNING, "relies on the platform's libc", \
	  "link it statically (slsc does): another release of the platform may have an older one") \
	X(BINARY_HARDENING, "binary-hardening", WARNING, WARNING, WARNING, "an executable stack or writable code", \
	  "link with -z noexecstack and without -N; assembler files need a .note.GNU-stack section") \
	/* modules */ \
	X(MODULE_FORMAT, "module-format", ERROR, ERROR, ERROR, "no WebAssembly module, or none that can be started", \
	  "link it as a command of WASI: it exports _start and memory") \
	X(MODULE_IMPORTS, "module-imports", ERROR, ERROR, ERROR, "imports what WASI does not have", \
	  "import the 46 functions of wasi_snapshot_preview1 alone: define the others, or leave them out") \
	/* layers */ \
	X(LAYER_DAMAGED, "layer-damaged", ERROR, ERROR, ERROR, \
	  "a layer or document that cannot be read, or beyond the limits", \
	  "build or fetch the image anew") \
	X(LAYER_NAME, "layer-name", ERROR, ERROR, ERROR, "an absolute name, or one with ..", \
	  "write names relative to the root") \
	X(LAYER_SYMLINK, "layer-symlink", WARNING, WARNING, WARNING, "a symlink whose target climbs above the root", \
	  "correct its target") \
	X(LAYER_HARDLINK, "layer-hardlink", ERROR, ERROR, ERROR, "a hard link to what is outside or not there", \
	  "link to a file of the same layer, whose entry stands before") \
	X(LAYER_THROUGH, "layer-through-symlink", ERROR, ERROR, ERROR, "an entry written through a symlink", \
	  "write it under its real path") \
	X(LAYER_WHITEOUT, "layer-whiteout", ERROR, ERROR, ERROR, "a whiteout of what is outside, or of nothing", \
	  "write .wh. and the name of one entry of the same directory") \
	X(LAYER_DUPLICATE, "layer-duplicate", ERROR, ERROR, ERROR, "a path that occurs twice in one layer", \
	  "keep one: which of them counts depends on the program that unpacks") \
	X(LAYER_DEVICE, "layer-device", WARNING, WARNING, WARNING, "a device node", \
	  "leave it out: the runtime provides /dev, and unpacking a device needs root") \
	X(LAYER_CODEC, "layer-compression", ERROR, ERROR, ERROR, "compressed otherwise than the media type says", \
	  "correct the media type") \
	X(LAYER_DIFF_ID, "layer-diff-id", ERROR, ERROR, ERROR, "other bytes than the config's diff_id", \
	  "build the image anew") \
	/* content */ \
	X(FILE_SETUID, "file-setuid", WARNING, WARNING, WARNING, "a setuid or setgid file", \
	  "chmod u-s,g-s, or remove it") \
	X(FILE_WRITABLE, "file-world-writable", WARNING, WARNING, WARNING, "everybody may write to it", \
	  "chmod o-w; a directory for all, as /tmp, needs the sticky bit") \
	X(SECRET_KEY, "secret-private-key", ERROR, ERROR, ERROR, "a private key", \
	  "remove it from every layer and replace the key; pass it at run time") \
	X(SECRET_TOKEN, "secret-token", ERROR, ERROR, ERROR, "an access key or token", \
	  "remove it from every layer and revoke it; pass it at run time") \
	X(SECRET_FILE, "secret-file", WARNING, WARNING, WARNING, "a file that usually holds secrets or history", \
	  "leave it out of the artifact") \
	X(SECRET_ENV, "secret-env", WARNING, WARNING, WARNING, \
	  "a variable whose name or value says that it is a secret", \
	  "set it when the function is deployed, from the platform's secret store") \
	/* origin */ \
	X(LABEL_MISSING, "label-missing", INFO, INFO, INFO, "no label that says where the image comes from", \
	  "set org.opencontainers.image.source and .revision; slsc does, in a git repository with a remote") \
	X(BASE_UNPINNED, "base-unpinned", WARNING, WARNING, WARNING, "a base named without its digest", \
	  "set the annotation org.opencontainers.image.base.digest, and build from a digest")

#endif
