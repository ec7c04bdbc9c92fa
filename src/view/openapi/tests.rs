//! Labels in, document out: what a program that reads it will rely on.


