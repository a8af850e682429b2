/* The shop's data, and what the steps of an order share. */
#ifndef SHOP_H
#define SHOP_H

#include <slsc.h>

#define ID_MAX 64

/* An order, as far as a step was told of it. */
struct order {
	char id[ID_MAX], item[ID_MAX], to[ID_MAX], card[ID_MAX];
	int64_t count, amount; /* amount: cents */
};

/* Reads what is there of it; "order" has to be. */
int order_read(struct slsc_ctx *ctx, struct slsc_str in, struct order *o);

/* data/DIR/NAME */
int shop_path(char path[256], const char *dir, const char *name);
/* Fails as StorageError, with errno. */
int shop_failed(struct slsc_ctx *ctx, const char *what);
/* A line of data/calls.log: who was called, and how much time it was given. Then it takes its time. */
int shop_called(struct slsc_ctx *ctx, const char *step, const struct order *o);
/* How often @step was called for the order. */
int shop_calls(const char *step, const struct order *o);
/* The file data/DIR/NAME, whole or not at all. Returns 0; 1: it was there before and stays as it is; -1 with errno. */
int shop_once(const char *dir, const char *name, const char *text);

/* The steps. Each does its work once for an order, however often it is called. */
int stock_reserve(struct slsc_ctx *ctx, const struct order *o, struct slsc_out *out);
int stock_release(struct slsc_ctx *ctx, const struct order *o, struct slsc_out *out);
int risk_score(struct slsc_ctx *ctx, const struct order *o, int64_t *score);
int payment_take(struct slsc_ctx *ctx, const struct order *o, struct slsc_out *out);
int message_send(struct slsc_ctx *ctx, const struct order *o, struct slsc_out *out);

#endif
