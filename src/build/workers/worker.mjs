// SPDX-License-Identifier: Apache-2.0
// The function '@NAME@' as a Worker. Each request is an event: its body is the module's stdin, and what the
// module writes to stdout is the answer. Each event has an instance of its own, whose memory goes with it.
import module from './@NAME@.wasm';

const EVENT_MAX = 6291556;	// bytes of an event, and of an answer: what slsc's runtime takes and gives
const LINE_MAX = 65536;		// characters of a line of the log
const PART = 65536;		// bytes: what getRandomValues() gives at once; what an answer has to begin with

const BADF = 8, INVAL = 28, SPIPE = 70;	// WASI's errno
const READ = 2n, WRITE = 64n;		// its rights

const encoder = new TextEncoder();

class Exit {
	constructor(status) {
		this.status = status;
	}
}

// What the module writes to stderr: a call of the console for each line.
class Log {
	#decoder = new TextDecoder();
	#rest = '';

	write(bytes) {
		const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n');

		this.#rest = lines.pop();
		while (this.#rest.length > LINE_MAX) {
			lines.push(this.#rest.slice(0, LINE_MAX));
			this.#rest = this.#rest.slice(LINE_MAX);
		}
		lines.forEach(Log.#put);
	}

	end() {
		const rest = this.#rest + this.#decoder.decode();

		if (rest)
			Log.#put(rest);
	}

	static #put(line) {
		if (/^(ERROR|FATAL) |"level":"(ERROR|FATAL)"/.test(line))
			console.error(line);
		else
			console.log(line);
	}
}

// One run of the module: what WASI (preview 1) gives it, and what it gave.
class Run {
	#event;
	#read = 0;
	#log = new Log();
	#answer = new Uint8Array(PART);
	#size = 0;
	#memory;
	#args = [encoder.encode('@NAME@\0')];
	#env;

	constructor(event, env) {
		this.#event = event;
		this.#env = Object.entries(env)
			.filter(([, value]) => typeof value === 'string' && !value.includes('\0'))
			.map(([name, value]) => encoder.encode(`${name}=${value}\0`));
	}

	// Its exit status. What ends it otherwise, a trap say, is thrown.
	start() {
		try {
			const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: this.#wasi() });

			this.#memory = instance.exports.memory;
			instance.exports._start();
			return 0;
		} catch (e) {
			if (e instanceof Exit)
				return e.status;
			throw e;
		} finally {
			this.#log.end();
		}
	}

	get answer() {
		return this.#answer.subarray(0, this.#size);
	}

	// As memory grows, it moves: nobody keeps these.
	#view() {
		return new DataView(this.#memory.buffer);
	}

	#bytes(at, size) {
		return new Uint8Array(this.#memory.buffer, at >>> 0, size >>> 0);
	}

	#get(at) {
		return this.#view().getUint32(at >>> 0, true);
	}

	#u32(at, value) {
		this.#view().setUint32(at >>> 0, value, true);
		return 0;
	}

	#u64(at, value) {
		this.#view().setBigUint64(at >>> 0, value, true);
		return 0;
	}

	#sizes(list, count, size) {
		this.#u32(count, list.length);
		return this.#u32(size, list.reduce((sum, s) => sum + s.length, 0));
	}

	#strings(list, at, to) {
		for (const s of list) {
			this.#u32(at, to);
			this.#bytes(to, s.length).set(s);
			at += 4;
			to += s.length;
		}
		return 0;
	}

	*#buffers(at, count) {
		for (let i = 0; i < count >>> 0; i++, at += 8)
			yield this.#bytes(this.#get(at), this.#get(at + 4));
	}

	#take(buffers) {
		let size = 0;

		for (const b of buffers) {
			const part = this.#event.subarray(this.#read, this.#read + b.length);

			b.set(part);
			this.#read += part.length;
			size += part.length;
		}
		return size;
	}

	#put(fd, buffers) {
		let size = 0;

		for (const b of buffers) {
			size += b.length;
			if (fd === 2)
				this.#log.write(b);
			else
				this.#add(b);
		}
		return size;
	}

	#add(bytes) {
		const size = this.#size + bytes.length;

		if (size > EVENT_MAX)
			throw new Error(`its answer is larger than ${EVENT_MAX} bytes`);
		if (size > this.#answer.length) {
			const larger = new Uint8Array(Math.min(2 * size, EVENT_MAX));

			larger.set(this.#answer);
			this.#answer = larger;
		}
		this.#answer.set(bytes, this.#size);
		this.#size = size;
	}

	// slsc reads the names of these functions, each at the beginning of a line, when it packages a module.
	#wasi() {
		return {
			args_get: (at, to) => this.#strings(this.#args, at, to),
			args_sizes_get: (count, size) => this.#sizes(this.#args, count, size),
			environ_get: (at, to) => this.#strings(this.#env, at, to),
			environ_sizes_get: (count, size) => this.#sizes(this.#env, count, size),
			proc_exit: (status) => {
				throw new Exit(status >>> 0);
			},
			sched_yield: () => 0,
			random_get: (at, size) => {
				const bytes = this.#bytes(at, size);

				for (let i = 0; i < bytes.length; i += PART)
					crypto.getRandomValues(bytes.subarray(i, i + PART));
				return 0;
			},
			// 0: the time of day, 1: one that never goes back; a Worker has none of its own computing
			clock_res_get: (id, at) => id > 1 ? INVAL : this.#u64(at, 1000000n),
			clock_time_get: (id, precision, at) => {
				const us = 1000 * (id ? performance.now() : Date.now());

				return id > 1 ? INVAL : this.#u64(at, BigInt(Math.round(us)) * 1000n);
			},
			fd_read: (fd, at, count, size) => fd ? BADF :
				this.#u32(size, this.#take(this.#buffers(at, count))),
			fd_write: (fd, at, count, size) => fd !== 1 && fd !== 2 ? BADF :
				this.#u32(size, this.#put(fd, this.#buffers(at, count))),
			fd_close: (fd) => fd >>> 0 > 2 ? BADF : 0,
			fd_seek: (fd) => fd >>> 0 > 2 ? BADF : SPIPE,
			fd_tell: (fd) => fd >>> 0 > 2 ? BADF : SPIPE,
			fd_sync: (fd) => fd >>> 0 > 2 ? BADF : 0,
			fd_datasync: (fd) => fd >>> 0 > 2 ? BADF : 0,
			fd_fdstat_get: (fd, at) => {
				if (fd >>> 0 > 2)
					return BADF;
				this.#bytes(at, 24).fill(0);
				return this.#u64(at + 8, fd ? WRITE : READ);
			},
			fd_fdstat_set_flags: (fd) => fd >>> 0 > 2 ? BADF : 0,
			fd_filestat_get: (fd, at) => {
				if (fd >>> 0 > 2)
					return BADF;
				this.#bytes(at, 64).fill(0);
				return 0;
			},
			// There are no files: no directory is open, and so each path is refused.
			fd_prestat_get: () => BADF,
			fd_prestat_dir_name: () => BADF,
			fd_advise: () => BADF,
			fd_allocate: () => BADF,
			fd_filestat_set_size: () => BADF,
			fd_filestat_set_times: () => BADF,
			fd_pread: () => BADF,
			fd_pwrite: () => BADF,
			fd_readdir: () => BADF,
			fd_renumber: () => BADF,
			path_create_directory: () => BADF,
			path_filestat_get: () => BADF,
			path_filestat_set_times: () => BADF,
			path_link: () => BADF,
			path_open: () => BADF,
			path_readlink: () => BADF,
			path_remove_directory: () => BADF,
			path_rename: () => BADF,
			path_symlink: () => BADF,
			path_unlink_file: () => BADF,
		};
	}
}

function answer(status, id, body) {
	return new Response(body, { status, headers: { 'content-type': 'application/json', 'x-request-id': id } });
}

// As the runtime has it.
function failure(status, id, errorType, errorMessage) {
	return answer(status, id, JSON.stringify({ errorMessage, errorType, stackTrace: [] }));
}

// The body, or null if it is too large.
async function read(request) {
	const parts = [];
	let size = 0;

	if (Number(request.headers.get('content-length')) > EVENT_MAX)
		return null;
	for await (const part of request.body ?? []) {
		size += part.length;
		if (size > EVENT_MAX)
			return null;
		parts.push(part);
	}
	const event = new Uint8Array(size);

	for (const part of parts.reverse())
		event.set(part, size -= part.length);
	return event;
}

export default {
	async fetch(request, env) {
		const id = crypto.randomUUID();
		const event = await read(request);

		if (!event)
			return failure(413, id, 'Runtime.EventSizeTooLarge',
				`the event is larger than ${EVENT_MAX} bytes`);
		const run = new Run(event, {
			...env,
			SLSC_REQUEST_ID: id,
			SLSC_DEADLINE_MS: String(Date.now() + Number(env.SLSC_TIMEOUT_MS)),
			_X_AMZN_TRACE_ID: request.headers.get('traceparent') ??
				request.headers.get('x-amzn-trace-id') ?? '',
		});
		let status;

		try {
			status = run.start();
		} catch (e) {
			console.error(`FATAL ${id} @NAME@ was ended: ${e.message}`);
			return failure(502, id, 'Runtime.ExitError', `@NAME@ was ended: ${e.message}`);
		}
		if (status && !run.answer.length)
			return failure(500, id, 'Runtime.ExitError', `@NAME@ exited with status ${status}`);
		return answer(status ? 500 : 200, id, run.answer);
	},
};
