//go:build engine

// A function per line of functions.h. It jumps to the address in its slot, with all
// arguments as they are. A slot leads to cl_first until the engine is loaded: this keeps
// the registers that may hold arguments, loads the engine, and jumps again.

#if defined(__x86_64__)

#define F(name)                \
  .globl name;                 \
  .type name, @function;       \
name:                          \
  leaq slot_##name(%rip), %r11; \
  jmp *(%r11);                 \
  .size name, . - name;

  .text
#include "functions.h"

  .type cl_first, @function
cl_first: // %r11 is the address of the slot
  pushq %rdi
  pushq %rsi
  pushq %rdx
  pushq %rcx
  pushq %r8
  pushq %r9
  pushq %rax
  pushq %r11
  subq $136, %rsp
  movups %xmm0, 0(%rsp)
  movups %xmm1, 16(%rsp)
  movups %xmm2, 32(%rsp)
  movups %xmm3, 48(%rsp)
  movups %xmm4, 64(%rsp)
  movups %xmm5, 80(%rsp)
  movups %xmm6, 96(%rsp)
  movups %xmm7, 112(%rsp)
  call cl_load_or_exit@PLT
  movups 0(%rsp), %xmm0
  movups 16(%rsp), %xmm1
  movups 32(%rsp), %xmm2
  movups 48(%rsp), %xmm3
  movups 64(%rsp), %xmm4
  movups 80(%rsp), %xmm5
  movups 96(%rsp), %xmm6
  movups 112(%rsp), %xmm7
  addq $136, %rsp
  popq %r11
  popq %rax
  popq %r9
  popq %r8
  popq %rcx
  popq %rdx
  popq %rsi
  popq %rdi
  jmp *(%r11)
  .size cl_first, . - cl_first

#elif defined(__aarch64__)

#define F(name)              \
  .globl name;               \
  .type name, %function;     \
name:                        \
  adrp x16, slot_##name;     \
  add x16, x16, :lo12:slot_##name; \
  ldr x17, [x16];            \
  br x17;                    \
  .size name, . - name;

  .text
  .balign 4
#include "functions.h"

  .type cl_first, %function
cl_first: // x16 is the address of the slot
  stp x29, x30, [sp, #-224]!
  mov x29, sp
  stp x0, x1, [sp, #16]
  stp x2, x3, [sp, #32]
  stp x4, x5, [sp, #48]
  stp x6, x7, [sp, #64]
  stp x8, x16, [sp, #80]
  stp q0, q1, [sp, #96]
  stp q2, q3, [sp, #128]
  stp q4, q5, [sp, #160]
  stp q6, q7, [sp, #192]
  bl cl_load_or_exit
  ldp q6, q7, [sp, #192]
  ldp q4, q5, [sp, #160]
  ldp q2, q3, [sp, #128]
  ldp q0, q1, [sp, #96]
  ldp x8, x16, [sp, #80]
  ldp x6, x7, [sp, #64]
  ldp x4, x5, [sp, #48]
  ldp x2, x3, [sp, #32]
  ldp x0, x1, [sp, #16]
  ldp x29, x30, [sp], #224
  ldr x17, [x16]
  br x17
  .size cl_first, . - cl_first

#else
#error "the tag engine knows x86-64 and arm64; build without it"
#endif

#undef F
#define F(name) slot_##name: .quad cl_first;
  .data
  .balign 8
  .globl cl_slots
cl_slots:
#include "functions.h"

#undef F
#define F(name) .asciz #name;
  .section .rodata
  .globl cl_names
cl_names: // one after another; an empty one ends them
#include "functions.h"
  .byte 0

  .section .note.GNU-stack, "", %progbits
