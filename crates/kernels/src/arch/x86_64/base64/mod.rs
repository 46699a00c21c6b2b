mod avx2;
mod avx512;
